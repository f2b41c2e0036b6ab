"""Releases that end with the new version in production."""

from tests.stories.storyteller import SIGNATURE, Storyteller


def test_a_release_that_is_approved_serves_everybody_the_new_version_and_fails_nobody(story: Storyteller) -> None:
    story.manager_writes("approve")
    told = story.tell()
    assert told.state == "success"
    assert story.version() == "2.0.0"
    assert story.slot_state() == "Stopped"
    assert story.rules() == []
    assert told.failed_visits == []
    assert len(told.visits) > 50
    assert set(told.tasks.values()) == {"success"}
    assert story.calls("/slotsswap") == 1
    assert told.sentence == (
        f"Version 2.0.0 of app '{story.app}' is promoted: it serves all users, approved (variable)."
    )


def test_a_run_with_fewer_weights_passes_over_the_steps_it_does_not_have(story: Storyteller) -> None:
    story.manager_writes('{"decision": "Approved", "by": "maria", "comment": "looks fine"}')
    told = story.tell(weights=[30])
    assert story.version() == "2.0.0"
    assert told.xcoms["canary_20.shift"]["requested"] == 30
    assert "canary_50.shift" not in told.xcoms
    assert told.xcoms["canary_50.watch"]["outcome"] == "skipped"
    assert told.xcoms["approval"]["by"] == "maria"
    assert "approved by maria" in told.sentence


def test_silence_can_mean_approval_when_the_release_file_says_so(story: Storyteller) -> None:
    story.policy["approval"] = {"timeout": "1s", "on_timeout": "approve"}
    told = story.tell(weights=[30])
    assert told.state == "success"
    assert told.xcoms["approval"]["door"] == "timeout"


def test_a_missing_slot_is_created_as_a_copy_of_production_without_its_slot_settings(story: Storyteller) -> None:
    app_path = story.simulator.app_path(story.app)
    story.simulator.arm("DELETE", f"{app_path}/slots/stage").raise_for_status()
    settings = {"GREETING": "Welcome", "ENVIRONMENT_NAME": "production"}
    story.simulator.arm("PUT", f"{app_path}/config/appsettings", {"properties": settings}).raise_for_status()
    sticky = {"properties": {"appSettingNames": ["ENVIRONMENT_NAME"]}}
    story.simulator.arm("PUT", f"{app_path}/config/slotConfigNames", sticky).raise_for_status()
    story.policy["create_slot"] = True
    story.manager_writes("approve")
    told = story.tell(weights=[30])
    assert told.state == "success"
    assert told.xcoms["start_slot"]["created"] is True
    assert story.version() == "2.0.0"
    listed = story.simulator.arm("POST", f"{app_path}/slots/stage/config/appsettings/list").json()["properties"]
    assert listed.get("GREETING") == "Welcome"
    assert "ENVIRONMENT_NAME" not in listed


def test_a_container_image_is_released_the_same_way(story: Storyteller) -> None:
    from tests.simulator import sample_package

    story.simulator.put_image("contoso.azurecr.io/web:2.0.0", sample_package("2.0.0"))
    story.policy["artifact"] = {"type": "container"}
    story.manager_writes("approve")
    told = story.tell(weights=[30], image="contoso.azurecr.io/web:2.0.0")
    assert told.state == "success"
    assert story.version() == "2.0.0"


def test_no_signature_of_a_package_is_kept_but_in_the_runs_own_configuration(story: Storyteller) -> None:
    from pathlib import Path

    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import inspect, select, text
    from tests.airflow_environment import HOME

    secret = SIGNATURE.partition("sig=")[2]
    story.manager_writes("approve")
    told = story.tell(weights=[30])
    with create_session() as session:
        kept = session.scalars(select(DagRun.conf).where(DagRun.run_id == told.run_id)).one()
        assert secret in kept["package_uri"]
        found = []
        for table in inspect(session.get_bind()).get_table_names():
            rows = session.execute(text(f'SELECT * FROM "{table}"')).all()  # noqa: S608 - the database's own names
            found += [table for row in rows if secret in repr(tuple(row))]
    assert set(found) <= {"dag_run"}
    logs = [path for path in Path(HOME, "logs").rglob("*") if path.is_file() and secret in path.read_text("utf-8")]
    assert logs == []
