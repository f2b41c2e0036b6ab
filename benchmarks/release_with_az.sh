#!/usr/bin/env bash
# A canary release with az and curl: what dags/canary_release.py does, as a pipeline's script does it. No manager is asked.
#
# Needs az, logged in, and: GROUP APP SLOT PACKAGE_URI VERSION; WEIGHTS, percents between spaces; BAKE, PROMOTED_BAKE
# and DRAIN in seconds; FRONT_END, where requests for the apps' hosts go; AZ, the program.
# CHECKS=yes also does what the DAG does to be safe: looks before it begins, and reads back what it wrote.
set -euo pipefail

app=(--resource-group "$GROUP" --name "$APP")
slot=("${app[@]}" --slot "$SLOT")

fail() { echo "$*" >&2; exit 1; }

# The milliseconds since 1970.
now() { date +%s%3N; }

ask() { # HOST PATH
  curl --silent --show-error --fail --max-time 10 --header "Host: $1" "$FRONT_END$2"
}

# Asks the hosts every second until the time is over; three bad answers in a row end the release.
watch_hosts() { # SECONDS HOST...
  local until=$(($(now) + $1 * 1000)) bad=0 host
  shift
  while (($(now) < until)); do
    for host in "$@"; do
      if ask "$host" /health >/dev/null; then bad=0; else bad=$((bad + 1)); fi
      ((bad < 3)) || fail "$host answered badly three times in a row"
    done
    sleep 1
  done
}

wait_for_version() { # HOST QUERY
  local good=0 tries
  for ((tries = 0; tries < 300; tries++)); do
    if ask "$1" "/version$2" 2>/dev/null | grep --quiet --fixed-strings "\"$VERSION\""; then good=$((good + 1)); else good=0; fi
    ((good < 3)) || return 0
    sleep 1
  done
  fail "$1 does not run version $VERSION"
}

weight() { "$AZ" webapp traffic-routing show "${app[@]}" --query "[?name=='$SLOT'].reroutePercentage | [0]" --output tsv; }

trap '"$AZ" webapp traffic-routing clear "${app[@]}" --output none || true' ERR

production_host=$APP.azurewebsites.net
slot_host=$APP-$SLOT.azurewebsites.net
if [ "$CHECKS" = yes ]; then
  [ "$("$AZ" webapp show "${app[@]}" --query state --output tsv)" = Running ] || fail "production is not running"
  slot_host=$("$AZ" webapp show "${slot[@]}" --query defaultHostName --output tsv)
  [ -z "$(weight)" ] || fail "a traffic rule is left over"
fi

"$AZ" webapp start "${slot[@]}" --output none
"$AZ" webapp deploy "${slot[@]}" --src-url "$PACKAGE_URI" --type zip --clean true --output none
wait_for_version "$slot_host" ""

for percent in $WEIGHTS; do
  "$AZ" webapp traffic-routing set "${app[@]}" --distribution "$SLOT=$percent" --output none
  if [ "$CHECKS" = yes ]; then [ "$(weight)" = "$percent.0" ] || fail "$percent % was not applied"; fi
  watch_hosts "$BAKE" "$slot_host" "$production_host"
done

"$AZ" webapp traffic-routing clear "${app[@]}" --output none
cleared=$(now)
"$AZ" webapp deployment slot swap "${slot[@]}" --target-slot production --output none
wait_for_version "$production_host" "?x-ms-routing-name=self"
watch_hosts "$PROMOTED_BAKE" "$production_host"

left=$((cleared + DRAIN * 1000 - $(now)))
if ((left > 0)); then sleep "$((left / 1000 + 1))"; fi
"$AZ" webapp stop "${slot[@]}" --output none
if [ "$CHECKS" = yes ]; then
  [ "$("$AZ" webapp show "${slot[@]}" --query state --output tsv)" = Stopped ] || fail "the slot still runs"
fi
