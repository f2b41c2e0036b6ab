"""What Airflow itself does with a manager's response, for the gate builds on it."""

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from tests.airflow_environment import DAGS

A_GATE = """
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG("a_gate_that_is_tried_again", schedule=None):
    EmptyOperator(task_id="approval")
"""


@pytest.fixture
def a_gate(airflow_database: None) -> Iterator[Any]:
    """A DAG of one task."""
    from airflow.dag_processing.dagbag import DagBag

    file = DAGS / "a_gate.py"
    file.write_text(A_GATE, encoding="utf-8")
    yield DagBag(str(file)).dags["a_gate_that_is_tried_again"]
    file.unlink()


def test_airflow_says_that_a_task_has_no_question_in_the_words_that_the_gate_looks_for(a_gate: Any) -> None:
    from airflow.models.taskinstance import TaskInstance
    from airflow.sdk.api.client import Client, ServerResponseError
    from airflow.sdk.execution_time.supervisor import in_process_api_server
    from airflow.utils.session import create_session
    from sqlalchemy import select

    run = a_gate.test()
    with create_session() as session:
        ti = session.scalars(select(TaskInstance).where(TaskInstance.run_id == run.run_id)).unique().one()
    client = Client(base_url=None, token="", dry_run=True, transport=in_process_api_server().transport)
    client.base_url = "http://in-process.invalid/"
    with pytest.raises(ServerResponseError) as refused:
        client.hitl.get_detail_response(ti.id)
    assert refused.value.response.status_code == 404


def test_airflow_keeps_a_response_when_its_task_goes_to_its_next_try(a_gate: Any) -> None:
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    run = a_gate.test()
    with create_session() as session:
        ti = session.scalars(select(TaskInstance).where(TaskInstance.run_id == run.run_id)).unique().one()
        first_id = ti.id
        session.add(
            HITLDetail(
                ti_id=first_id,
                options=["Approve", "Reject"],
                subject="Release?",
                responded_at=datetime.now(timezone.utc),
                responded_by={"id": "maria", "name": "maria"},
                chosen_options=["Approve"],
            )
        )
        session.commit()
        ti.prepare_db_for_next_try(session)
        session.commit()
        next_id = ti.id
    with create_session() as session:
        assert next_id != first_id
        kept = session.get(HITLDetail, next_id)
        assert kept is not None
        assert kept.chosen_options == ["Approve"]
        assert kept.responded_by_user_id == "maria"
        assert session.get(HITLDetail, first_id) is None
