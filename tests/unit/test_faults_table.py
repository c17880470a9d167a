from mechval.modular_addition.study import STUDY as MODULAR_ADDITION
from mechval.reporting.filled_blocks import fill
from mechval.two_sat.study import STUDY as TWO_SAT
from tests.end_to_end.campaign import FAULTS, FOLDER, render
from tests.end_to_end.campaign_jobs import DRAWN_STAGES, MODULAR_STAGES
from tests.settings import STAGES


def test_the_table_of_faults_is_that_of_its_rows() -> None:
    text = (FOLDER / "README.md").read_text("utf-8")
    assert text == fill(text, {"faults": lambda: render(FAULTS.read(FOLDER))})


def test_every_stage_is_stopped() -> None:
    assert {*STAGES, *DRAWN_STAGES} == {*TWO_SAT.stage_names}
    assert MODULAR_ADDITION.stage_names == MODULAR_STAGES
