// The drawing: one formula at a time, recorded or typed, under one of three states of the network.

const net = readNetwork(JSON.parse(document.getElementById("mechanism-data").textContent));
const part = (name) => document.getElementById(`mechanism-${name}`);
const heads = (n) => ["var(--head0)", "var(--head1)", "var(--head2)", "var(--head3)"][n % 4];
const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);
const yes = (is) => (is ? "satisfiable" : "unsatisfiable");
const bits = (a) => Array.from({ length: net.variables }, (_, v) => `x${v}=${(a >> v) & 1}`).join(" ");
const written = (id) => `(${net.clauses[id].map((literal) => net.symbols[literal]).join(" ∨ ")})`;
const shown = { recorded: net.recorded[0], formula: net.recorded[0].clauses, length: net.length };
const watchers = Array.from({ length: net.sizes.assignments }, (_, a) => net.evaluating.filter((each) => each.assignments.includes(a)));

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function mode() { return document.querySelector("input[name=mechanism-state]:checked").value; }

function currentState() {
  if (mode() === "own" && shown.recorded) return recordedState(net, shown.recorded);
  return mode() === "gamma2" ? programState(net, shown.formula) : substitutedState(net, shown.formula);
}

/** Of an evaluating neuron: whether it fires, and whether its program says so. */
function judge(each) {
  const activation = shown.state.hidden[each.column];
  return { activation, fires: activation >= each.cut, expected: bitOf(each.tree, shown.truth) === 1 };
}

function tell(text) { part("told").textContent = text; }

function drawArcs(from, rows) {
  const holder = part("tokens"), svg = part("arcs"), box = holder.getBoundingClientRect();
  const marks = [...holder.querySelectorAll("[data-at]")];
  const middle = (mark) => {
    const at = mark.getBoundingClientRect();
    return [at.x + at.width / 2 - box.x, at.y - box.y];
  };
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
  const [x, y] = middle(marks[from]);
  rows.forEach((weights, head) => weights.forEach((weight, to) => {
    if (weight < 0.02) return;
    const [tx, ty] = middle(marks[to]), arc = document.createElementNS("http://www.w3.org/2000/svg", "path");
    const rise = Math.min(y, ty) - Math.min(44, 10 + Math.abs(x - tx) / 10) - 7 * head;
    arc.setAttribute("d", `M ${x} ${y} C ${x} ${rise}, ${tx} ${rise}, ${tx} ${ty}`);
    arc.setAttribute("stroke", heads(head));
    arc.setAttribute("stroke-width", String(0.6 + 6 * weight));
    svg.append(arc);
  }));
  marks.forEach((mark, at) => {
    const most = Math.max(...rows.map((weights) => weights[at] ?? 0));
    mark.style.setProperty("--weight", `${Math.round(70 * Math.min(1, most))}%`);
    mark.classList.toggle("asking", at === from);
  });
}

/** Attention of block 1 from ":". */
function restArcs() {
  document.querySelectorAll("#mechanism-board .excluded").forEach((cell) => cell.classList.remove("excluded"));
  drawArcs(net.sizes.positions - 1, shown.state.attention ?? []);
  const own = "Arcs: what “:” attends to in block 1, one colour per head. Point at a clause or an assignment, or tab to it.";
  tell(shown.state.attention ? own : "γ_2 puts the bits in after block 1's attention, so none is left to draw.");
}

function pointAtClause(place) {
  const id = shown.formula[place], at = secondLiteral(place), rows = firstAttention(net, shown.formula, at);
  drawArcs(at, rows);
  part("board").childNodes.forEach((cell, a) => cell.classList.toggle("excluded", !satisfies(net, id, a)));
  const literals = rows.map((weights) => `${((weights[at] + weights[at - 1]) * 100).toFixed(1)} %`).join(", ");
  const toward = shown.state.attention?.map((weights) => weights[at].toFixed(3)).join(", ");
  const read = mode() === "own" && shown.recorded ? `; block 0 reads ${shown.recorded.read[place]}` : "";
  tell(`Clause ${place + 1}, ${written(id)}${read}. Block 0: its second literal gives ${literals} of its attention to the clause's own literals.`
    + (toward ? ` Block 1: “:” gives it ${toward} (by head).` : "") + " Struck on the board: the assignments that violate it.");
}

function pointAtAssignment(a) {
  const violated = shown.formula.map((id) => !satisfies(net, id, a));
  part("tokens").querySelectorAll("button").forEach((clause, place) => clause.classList.toggle("violated", violated[place]));
  const places = violated.flatMap((is, place) => (is ? [place + 1] : []));
  const lines = watchers[a].map((each) => {
    const { activation, fires, expected } = judge(each);
    return ` Neuron ${net.neurons[each.column]}: activation ${activation.toFixed(2)}, cut ${each.cut.toFixed(2)}, ${fires ? "fires" : "silent"}, should ${expected ? "fire" : "be silent"}.`;
  });
  tell(`Assignment ${a}: ${bits(a)}. ` + (places.length ? `Violates clause ${places.join(", ")}.` : "Satisfies every clause.")
    + (lines.join("") || " No neuron stands for it."));
}

function onPoint(mark, show, rest) {
  for (const event of ["pointerenter", "focus"]) mark.addEventListener(event, show);
  for (const event of ["pointerleave", "blur"]) mark.addEventListener(event, rest);
}

function drawTokens() {
  const tokens = tokensOf(net, shown.formula), token = (at) => {
    const mark = element("span", { className: "token", textContent: net.symbols[tokens[at]] });
    mark.dataset.at = String(at);
    return mark;
  };
  const clauses = shown.formula.map((_, place) => {
    const clause = element("button", { className: "clause", type: "button" }, ...[0, 1, 2, 3].map((i) => token(4 * place + i)));
    onPoint(clause, () => pointAtClause(place), restArcs);
    return clause;
  });
  part("tokens").replaceChildren(part("arcs"), ...clauses, element("span", { className: "clause" }, token(tokens.length - 1)));
}

function drawBoard() {
  const cells = shown.truth.map((satisfied, a) => {
    const own = watchers[a].map(judge), fires = own.some((each) => each.fires), wrong = own.some((each) => each.fires !== each.expected);
    const cell = element("button", { type: "button", tabIndex: a ? -1 : 0, className: [satisfied && "satisfied", fires && "fires", wrong && "wrong"].filter(Boolean).join(" ") });
    cell.append(element("span", { textContent: String(a) }), element("b", { textContent: own.length ? (fires ? "●" : "○") : "" }));
    cell.setAttribute("aria-label", `assignment ${a}: ${satisfied ? "satisfies" : "violates"}${own.length ? (fires ? ", a neuron fires" : ", silent") : ""}${wrong ? ", but should not be so" : ""}`);
    onPoint(cell, () => pointAtAssignment(a), () => {
      document.querySelectorAll("#mechanism-tokens .violated").forEach((clause) => clause.classList.remove("violated"));
      restArcs();
    });
    return cell;
  });
  const columns = 2 ** Math.ceil(net.variables / 2);
  part("board").style.setProperty("--columns", String(columns));
  part("board").classList.toggle("dense", columns > 8);
  part("board").replaceChildren(...cells);
}

part("board").addEventListener("keydown", (event) => {
  const cells = [...event.currentTarget.children], at = cells.indexOf(event.target);
  const columns = 2 ** Math.ceil(net.variables / 2);
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
  const next = cells[at + (step ?? 0)];
  if (!step || !next) return;
  event.preventDefault();
  cells[at].tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
});

function drawEffects() {
  const own = effects(net, shown.state), isWatching = new Map(net.evaluating.map((each) => [each.column, each.assignments]));
  const order = own.neurons.map((_, k) => k).sort((a, b) => Math.abs(own.neurons[b]) - Math.abs(own.neurons[a]));
  const large = order.filter((k) => Math.abs(own.neurons[k]) > 0.005).slice(0, 8), rest = order.filter((k) => !large.includes(k));
  const rows = [["residual stream, biases", own.direct],
    ...large.map((k) => [`neuron ${net.neurons[k]}${isWatching.get(k)?.length ? ` (assignment ${isWatching.get(k).join(", ")})` : ""}`, own.neurons[k]]),
    [`${rest.length} other neurons`, rest.reduce((total, k) => total + own.neurons[k], 0)]];
  let reached = 0;
  const ends = rows.map(([, value]) => [reached, reached += value]);
  rows.push(["s − u", reached]);
  ends.push([0, reached]);
  const low = Math.min(0, ...ends.flat()), span = Math.max(0, ...ends.flat()) - low || 1;
  part("effects").replaceChildren(...rows.map(([name, value], i) => {
    const [start, end] = ends[i].map((x) => ((x - low) / span) * 100);
    const bar = element("i", { className: value < 0 ? "down" : "up" });
    Object.assign(bar.style, { left: `${Math.min(start, end)}%`, width: `${Math.max(Math.abs(end - start), 0.4)}%` });
    const zero = element("u");
    zero.style.left = `${(-low / span) * 100}%`;
    return element("div", { className: i === rows.length - 1 ? "total" : "" }, element("span", { textContent: name }), element("span", { className: "track" }, zero, bar), element("span", { textContent: signed(value) }));
  }));
}

function draw() {
  shown.truth = truthTable(net, shown.formula);
  const own = document.querySelector("input[name=mechanism-state][value=own]");
  own.disabled = !shown.recorded;
  if (!shown.recorded && own.checked) document.querySelector("input[name=mechanism-state][value=gamma1]").checked = true;
  shown.state = currentState();
  const answer = answersSatisfiable(net, shown.state), right = shown.truth.includes(true), n = shown.truth.filter(Boolean).length;
  const who = { own: "The network answers", gamma1: "With γ_1, the network answers", gamma2: "With γ_2, the network answers" }[mode()];
  part("verdict").textContent = `${who} ${yes(answer)}, s − u = ${signed(logits(net, shown.state)[net.satisfiable] - logits(net, shown.state)[net.satisfiable + 1])}. `
    + `${n} of ${shown.truth.length} assignments satisfy the formula: it is ${yes(right)}. ${answer === right ? "Right." : "WRONG."}`;
  part("verdict").classList.toggle("bad", answer !== right);
  const outside = shown.length < net.length;
  part("notice").hidden = !outside;
  part("notice").textContent = outside ? `Outside the claim's domain: ${shown.length} of ${net.length} clauses were written, the last is repeated.` : "";
  drawTokens();
  drawBoard();
  drawEffects();
  restArcs();
}

part("choose").addEventListener("change", (event) => {
  shown.recorded = net.recorded[event.target.selectedIndex];
  shown.formula = shown.recorded.clauses;
  shown.length = net.length;
  part("typed").value = shown.recorded.written;
  part("error").textContent = "";
  draw();
});
part("form").addEventListener("submit", (event) => {
  event.preventDefault();
  try {
    const { formula, written: length } = readFormula(net, part("typed").value);
    Object.assign(shown, { formula, length, recorded: net.recorded.find((each) => String(each.clauses) === String(formula)) });
    part("error").textContent = "";
    draw();
  } catch (error) {
    part("error").textContent = error.message;
  }
});
document.querySelectorAll("input[name=mechanism-state]").forEach((input) => input.addEventListener("change", draw));
new ResizeObserver(restArcs).observe(part("tokens"));
part("typed").value = net.recorded[0].written;
draw();
globalThis.mechanism = { net, firstAttention, substitutedState, programState, recordedState, logits, truthTable, readFormula };
