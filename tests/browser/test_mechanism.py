"""The drawing computes in the browser what the network computes in Python, on any formula."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page

from experiments.readme import PAGES
from mechval.pipeline import FinishedRun, Workspace
from mechval.two_sat.circuit.clause_prototypes import clause_prototypes
from mechval.two_sat.formulas.text import read_formula
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.interpretation import Interpretation
from mechval.two_sat.network.components import Components
from mechval.two_sat.single.mechanism import Recorded, draw_mechanism
from mechval.two_sat.single.subject import Subject, load_subject, make_subject
from tests.browser.test_pages import WIDTHS, open_page
from tests.networks import SMALL_PROBLEM, Architecture, hand_made_circuit, random_network

ROOT = Path(__file__).resolve().parents[2]
N_FORMULAS = 20
STATES = """formulas => formulas.map((formula, i) => {
  const { net, ...m } = mechanism;
  const states = [m.recordedState(net, net.recorded[i]), m.substitutedState(net, formula),
    m.programState(net, formula)];
  return {
    hidden: states.map((state) => state.hidden), logits: states.map((s) => m.logits(net, s)),
    attention: states.slice(0, 2).map((state) => state.attention),
    first: m.firstAttention(net, formula, 6),
  };
})"""

pytestmark = pytest.mark.slow


def small_subject() -> Subject:
    """A random network, one neuron for each assignment."""
    model = random_network(
        SMALL_PROBLEM, architecture=Architecture(d_model=16, d_mlp=8, n_heads=(2, 4))
    )
    circuit = replace(
        hand_made_circuit(SMALL_PROBLEM), prototypes=clause_prototypes(model, SMALL_PROBLEM)
    )
    return make_subject(Components(model, SMALL_PROBLEM), circuit)


def committed_subject() -> Subject:
    return load_subject(FinishedRun(Workspace(ROOT), "two_sat", "reference"))


@pytest.fixture(scope="module", params=[small_subject, committed_subject])
def subject(request: pytest.FixtureRequest) -> Subject:
    return request.param()


@pytest.fixture(scope="module")
def formulas(subject: Subject) -> np.ndarray:
    problem = subject.problem
    size = (N_FORMULAS, problem.n_clauses)
    return np.random.default_rng(1).integers(problem.n_distinct_clauses, size=size)


def drawn(subject: Subject, formulas: np.ndarray) -> str:
    names = [Recorded(str(i), tuple(row)) for i, row in enumerate(formulas.tolist())]
    return f"<!DOCTYPE html><html data-ready><body>{draw_mechanism(subject, names)}</body></html>"


def opened(browser: Browser, path: Path, html: str) -> Page:
    path.write_text(html, encoding="utf-8")
    found = open_page(browser, path)
    assert found.complaints == []
    return found.page


@pytest.fixture(scope="module")
def page(
    subject: Subject, formulas: np.ndarray, browser: Browser, tmp_path_factory: Any
) -> Iterator[Page]:
    page = opened(
        browser, tmp_path_factory.mktemp("mechanism") / "page.html", drawn(subject, formulas)
    )
    yield page
    page.close()


def expected_states(subject: Subject, formulas: np.ndarray) -> dict[str, np.ndarray]:
    """From the network itself, the interpretation's γ_1 and γ_2, in float64."""
    problem, components = subject.problem, subject.components
    model = components.model.double()
    name = next(iter(subject.interpretations))
    interpretation: Interpretation = subject.interpretations[name]
    tokens = encode_formulas(problem, torch.from_numpy(formulas))
    with torch.inference_mode():
        own = components.parse(tokens)
        pairs = interpretation.abstract[0](tokens)
        resids = [own, interpretation.gammas[1](pairs).double()]
        states = [components.evaluate(resid) for resid in resids]
        gamma_2 = interpretation.gammas[2](interpretation.abstract[1](pairs))
        states.append(
            replace(gamma_2, hidden=gamma_2.hidden.double(), resid_mid=gamma_2.resid_mid.double())
        )
        at = torch.tensor([components.layout.answer_position])
        found = {
            "hidden": torch.stack([state.hidden for state in states], dim=1),
            "logits": torch.stack([components.answer_logits(state) for state in states], dim=1),
            "attention": torch.stack(
                [model.block(1).attn.pattern(resid, at)[:, :, 0] for resid in resids], dim=1
            ),
            "first": model.block(0).attn.pattern(model.embed(tokens))[:, :, 6, :7],
        }
    components.model.float()
    return {name: value.numpy() for name, value in found.items()}


def largest_differences(page: Page, subject: Subject, formulas: np.ndarray) -> dict[str, float]:
    kept = page.evaluate("mechanism.net.neurons")
    told: list[dict[str, Any]] = page.evaluate(STATES, formulas.tolist())
    expected = expected_states(subject, formulas)
    silent = sorted(set(range(expected["hidden"].shape[-1])) - set(kept))
    assert expected["hidden"][:, 1, silent].max(initial=0) == 0
    expected["hidden"] = expected["hidden"][:, :, kept]
    return {
        name: float(np.abs(np.array([each[name] for each in told]) - value).max())
        for name, value in expected.items()
    }


def test_the_browser_computes_what_the_network_does(
    page: Page, subject: Subject, formulas: np.ndarray
) -> None:
    differences = largest_differences(page, subject, formulas)
    assert set(differences) == {"hidden", "logits", "attention", "first"}
    assert max(differences.values()) < 2e-4, differences


def test_an_altered_entry_of_a_table_is_noticed(
    subject: Subject, formulas: np.ndarray, browser: Browser, tmp_path: Path
) -> None:
    html = drawn(subject, formulas)
    before = html.split('"values": "')[1].split('"')[0]
    table = np.frombuffer(b64decode(before), dtype="<f4").copy()
    # Of a clause that occurs, a logit.
    column = len(table) // (
        subject.components.model.block(1).attn.n_heads * subject.problem.n_distinct_clauses
    )
    table[(int(formulas[0, 0]) + 1) * column - 1] += 1.0
    altered = html.replace(before, b64encode(table.tobytes()).decode("ascii"))
    page = opened(browser, tmp_path / "page.html", altered)
    assert largest_differences(page, subject, formulas)["logits"] > 1e-3
    page.close()


def test_a_typed_formula_is_read_as_python_reads_it(page: Page, subject: Subject) -> None:
    for text in (
        "(x0 | ~x1) & (x2 v x1)",
        "(¬x2 ∨ x0) ∧ (x1||-x0)",
        "(not x0 OR x1) and (x2 or x1)",
        "(x_1 | !x2)",
    ):
        written = read_formula(subject.problem, text)
        found = page.evaluate("text => mechanism.readFormula(mechanism.net, text)", text)
        assert found["written"] == len(written.clause_ids)
        assert tuple(found["formula"][: found["written"]]) == written.clause_ids
        assert set(found["formula"][found["written"] :]) <= {written.clause_ids[-1]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x0 | x1", "has no place in a formula; allowed: clauses such as"),
        ("(x0 | x9)", "allowed: two different variables of x0 to"),
        ("(x0 | ~x0)", "allowed: two different variables"),
        ("", "0 clauses are not allowed; allowed: 1 to"),
    ],
)
def test_a_wrong_formula_is_refused_in_a_sentence(page: Page, text: str, message: str) -> None:
    page.fill("#mechanism-typed", text)
    page.click("#mechanism-form button")
    assert message in page.inner_text("#mechanism-error")


def test_a_typed_formula_is_drawn_after_gamma_1(page: Page, subject: Subject) -> None:
    page.fill("#mechanism-typed", "(x0 | x1)")
    page.click("#mechanism-form button")
    assert page.is_checked("input[value=gamma1]")
    assert page.is_disabled("input[value=own]")
    assert page.inner_text("#mechanism-notice").startswith("Outside the claim's domain: 1 of")
    satisfied = page.locator("#mechanism-board .satisfied").count()
    assert satisfied == subject.problem.n_assignments * 3 // 4
    assert page.locator("#mechanism-effects > div").count() >= 3
    page.locator("#mechanism-choose").select_option(index=0)
    assert not page.is_disabled("input[value=own]")


def test_the_keyboard_reaches_clauses_assignments_and_states(page: Page) -> None:
    page.locator("#mechanism-tokens button").first.focus()
    assert page.inner_text("#mechanism-told").startswith("Clause 1,")
    page.locator("#mechanism-board button").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#mechanism-told").startswith("Assignment 1:")
    page.locator("input[value=gamma1]").check()
    page.locator("input[value=gamma1]").focus()
    page.keyboard.press("ArrowRight")
    assert page.is_checked("input[value=gamma2]")


@pytest.mark.parametrize("name", PAGES)
def test_the_page_of_the_repository_opens_as_it_is(browser: Browser, name: str) -> None:
    page, complaints = browser.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto((ROOT / "docs" / name).as_uri())
    assert page.inner_text("#mechanism-verdict").endswith("Right.")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []
    page.close()
