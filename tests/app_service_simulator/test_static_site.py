import pytest
from tests.app_service_simulator.data_plane import PATIENCE, WEB


@pytest.fixture
def served(town, visitor):
    """Deploys a folder and returns a function that asks for a path: status and text."""

    async def deploy(content):
        worker = await town.launch(content)
        await worker.wait_until_listening(PATIENCE)
        town.host(WEB, worker)

        async def ask(path, method="GET"):
            async with visitor.request(method, path) as answer:
                return answer.status, await answer.text()

        return ask

    return deploy


async def test_content_that_is_no_program_is_served_as_files(served, tmp_path):
    content = tmp_path / "content"
    (content / "folder").mkdir(parents=True)
    (content / "index.html").write_text("<p>static</p>")
    ask = await served(content)
    assert await ask("/") == (200, "<p>static</p>")
    assert (await ask("/nothing"))[0] == 404


async def test_a_folder_without_a_default_document_is_not_listed(served, tmp_path):
    content = tmp_path / "content"
    (content / "folder").mkdir(parents=True)
    (content / "folder" / "secret.txt").write_text("secret")
    status, page = await (await served(content))("/folder/")
    assert status == 403
    assert "secret.txt" not in page


async def test_files_outside_the_content_are_not_served(served, tmp_path):
    content = tmp_path / "content"
    content.mkdir()
    (content / "index.html").write_text("inside")
    (tmp_path / "outside.txt").write_text("outside")
    assert (await (await served(content))("/../outside.txt"))[0] == 404


async def test_an_empty_slot_says_that_it_waits_for_content(served, tmp_path):
    content = tmp_path / "content"
    content.mkdir()
    ask = await served(content)
    status, page = await ask("/")
    assert status == 200
    assert "Your web app is running and waiting for your content" in page
    assert await ask("/", "HEAD") == (200, "")
