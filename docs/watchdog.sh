#!/bin/sh
# Looks after one app from outside Airflow, for the case in which Airflow itself is gone: from cron, an Azure
# Automation worker or a scheduled CI job, with az (logged in) and curl. See docs/watchdog.md.
#
#   watchdog.sh [--airflow URL] [--patience SECONDS] [--clear] -g GROUP -n APP --slot SLOT
#
#   --airflow URL       Airflow's address. While its scheduler and triggerer are healthy, its own watchdog looks after
#                       the app, and this ends quietly. Left out: Airflow is not asked.
#   --patience SECONDS  how long Airflow may be unhealthy before it counts as gone; 300, longer than a restart takes.
#   --clear             remove the slot's traffic rule. Left out: say that it is there.
#
# Exit code: 0 there is nothing to do, or it was done; 1 there is a rule, which was reported; 2 it could not be found out.
# The slot is not stopped: users are pinned to it by their cookie for up to an hour after the rule is gone.
set -eu

API_VERSION=2025-05-01
PAUSE=15

fail() {
    echo "watchdog: $1" >&2
    exit 2
}

airflow='' patience=300 clear='' group='' app='' slot=''
while [ $# -gt 0 ]; do
    case $1 in
    --clear) clear=yes && shift && continue ;;
    --airflow | --patience | -g | -n | --slot) [ $# -gt 1 ] || fail "$1 needs a value" ;;
    *) fail "found '$1'; allowed: --airflow URL, --patience SECONDS, --clear, -g GROUP, -n APP, --slot SLOT" ;;
    esac
    case $1 in
    --airflow) airflow=${2%/} ;;
    --patience) patience=$2 ;;
    -g) group=$2 ;;
    -n) app=$2 ;;
    --slot) slot=$2 ;;
    esac
    shift 2
done
case $patience in '' | *[!0-9]*) fail "--patience: found '$patience'; allowed: seconds" ;; esac
# The slot becomes part of a query below.
case $slot in '' | *[!A-Za-z0-9-]*) fail "--slot: found '$slot'; allowed: letters, digits and dashes" ;; esac
[ -n "$group" ] && [ -n "$app" ] || fail "-g GROUP and -n APP are needed"

airflow_is_healthy() {
    health=$(curl --fail --silent --max-time 20 "$airflow/api/v2/monitor/health" | tr -d ' \n') || return 1
    for component in scheduler triggerer; do
        echo "$health" | grep -q "\"$component\":{[^}]*\"status\":\"healthy\"" || return 1
    done
}

# Airflow may only be restarting, and then its releases go on.
if [ -n "$airflow" ]; then
    waited=0
    while :; do
        if airflow_is_healthy; then exit 0; fi
        [ "$waited" -lt "$patience" ] || break
        sleep $PAUSE
        waited=$((waited + PAUSE))
    done
fi

id=$(az webapp show -g "$group" -n "$app" --query id -o tsv) || fail "app '$app' could not be read"
[ -n "$id" ] || fail "app '$app' could not be read"
config="$id/config/web?api-version=$API_VERSION"

# One line for each rule, its name and its weight.
rules() {
    az rest --method get --url "$config" \
        --query 'properties.experiments.rampUpRules[].[name, reroutePercentage]' -o tsv
}

# The line of the slot's rule; App Service does not tell capital letters from small ones.
rule_of_slot() {
    rules >"$lines" || fail "the traffic rules of app '$app' could not be read"
    awk -v slot="$slot" 'tolower($1) == tolower(slot)' "$lines"
}

lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
rule=$(rule_of_slot)
[ -n "$rule" ] || exit 0
name=$(echo "$rule" | cut -f 1)
weight=$(echo "$rule" | cut -f 2)

if [ -z "$clear" ]; then
    echo "App '$app' sends $weight % of its users to slot '$slot'${airflow:+, and Airflow at $airflow is not healthy}." \
        "To clear the rule: $0 --clear -g $group -n $app --slot $slot"
    exit 1
fi

# `az webapp traffic-routing clear` would remove the other slots' rules too, and `set` builds host names by itself, which
# are wrong for long names and for unique default host names. So: exactly the others, as they are, and nothing else.
others=$(az rest --method get --url "$config" --query "properties.experiments.rampUpRules[?name != '$name']" -o json) ||
    fail "the traffic rules of app '$app' could not be read"
az rest --method patch --url "$config" --output none \
    --body "{\"properties\": {\"experiments\": {\"rampUpRules\": $others}}}" ||
    fail "the traffic rule of slot '$slot' of app '$app' ($weight %) could not be removed"
rule=$(rule_of_slot)
[ -z "$rule" ] || fail "the traffic rule of slot '$slot' of app '$app' was removed, and Azure says it is there"
echo "The traffic rule of slot '$slot' of app '$app' ($weight %) was removed; other slots' rules are kept." \
    "Users pinned to the slot stay there for up to an hour: stop it no sooner."
