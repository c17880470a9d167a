// The network after γ_1, from tables of single/mechanism.py, where their shapes are told. Formulas
// are lists of clause ids. A state holds the activations of neurons, the logits without them
// (direct), and block 1's attention from ":" by head and position.

function floats(text) {
  return new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
}

function readNetwork(data) {
  const tables = Object.fromEntries(
    Object.entries(data.tables).map(([name, text]) => [name, floats(text)]));
  const { clauses, symbols, neurons, variables, length, heads } = data;
  return { ...data, ...tables, sizes: {
    clause: clauses.length, logit: symbols.length, neuron: neurons.length, positions: 4 * length + 1,
    assignments: 2 ** variables, literals: 2 * variables, column: neurons.length + symbols.length,
    heads: heads[1] } };
}

function secondLiteral(place) { return 4 * place + 2; }

function tokensOf(net, formula) {
  const left = net.sizes.literals;
  return [...formula.flatMap((id) => [left, ...net.clauses[id], left + 1]), left + 2];
}

/** Attention of block 0 from a position, per head: over the positions up to it. */
function firstAttention(net, formula, from) {
  const tokens = tokensOf(net, formula), n = net.sizes.logit + net.sizes.positions;
  const sources = (at) => [tokens[at], net.sizes.logit + at];
  return Array.from({ length: net.heads[0] }, (_, head) => {
    const scores = tokens.slice(0, from + 1).map((_, to) => {
      let score = 0;
      for (const q of sources(from)) for (const k of sources(to)) score += net.scores[(head * n + q) * n + k];
      return score;
    });
    const most = Math.max(...scores), weights = scores.map((score) => Math.exp(score - most));
    const total = weights.reduce((a, b) => a + b, 0);
    return weights.map((weight) => weight / total);
  });
}

/** The state at ":" once γ_1 has put in what the clauses say. */
function substitutedState(net, formula) {
  const { clause, column, neuron, positions } = net.sizes;
  const total = Float64Array.from(net.base), attention = [];
  for (let head = 0; head < net.sizes.heads; head++) {
    const weights = formula.map((id) => net.weights[head * clause + id]);
    const share = 1 / weights.reduce((a, b) => a + b, 1);
    for (let c = 0; c < column; c++) {
      let mixed = net.constants[head * column + c];
      formula.forEach((id, i) => { mixed += weights[i] * net.values[(head * clause + id) * column + c]; });
      total[c] += mixed * share;
    }
    const own = Array.from(net.shares.subarray(head * positions, (head + 1) * positions), (s) => s * share);
    weights.forEach((weight, place) => { own[secondLiteral(place)] = weight * share; });
    attention.push(own);
  }
  const hidden = Array.from(total.subarray(0, neuron), (x) => Math.max(x, 0));
  return { hidden, direct: Array.from(total.subarray(neuron)), attention };
}

/** What γ_2 puts in for the bits of the programs: no attention is left. */
function programState(net, formula) {
  const truth = truthTable(net, formula), hidden = Array.from(net.mean_hidden);
  for (const each of net.evaluating) hidden[each.column] = bitOf(each.tree, truth) * each.high;
  return { hidden, direct: Array.from(net.mean_direct), attention: null };
}

/** The network's own state, which is there for recorded formulas alone. */
function recordedState(net, recorded) {
  const attention = floats(recorded.attention), n = net.sizes.positions;
  return {
    hidden: Array.from(floats(recorded.hidden)), direct: Array.from(floats(recorded.direct)),
    attention: Array.from({ length: net.sizes.heads }, (_, head) => Array.from(attention.subarray(head * n, (head + 1) * n))),
  };
}

function logits(net, state) {
  const n = net.sizes.logit, found = [...state.direct];
  state.hidden.forEach((value, k) => found.forEach((_, token) => { found[token] += value * net.readout[k * n + token]; }));
  return found;
}

/** What each part adds to s − u: the parts' sum is the difference of the logits. */
function effects(net, state) {
  const s = net.satisfiable, u = s + 1, n = net.sizes.logit;
  return { direct: state.direct[s] - state.direct[u],
    neurons: state.hidden.map((value, k) => value * (net.readout[k * n + s] - net.readout[k * n + u])) };
}

function answersSatisfiable(net, state) {
  const found = logits(net, state);
  return found.indexOf(Math.max(...found)) === net.satisfiable;
}

function satisfies(net, id, assignment) {
  const n = net.variables;
  return net.clauses[id].some((literal) => ((assignment >> literal % n) & 1) === (literal < n ? 1 : 0));
}

function truthTable(net, formula) {
  return Array.from({ length: net.sizes.assignments }, (_, a) => formula.every((id) => satisfies(net, id, a)));
}

function bitOf(tree, truth) {
  while (typeof tree === "object") tree = truth[tree.assignment] ? tree.if_true : tree.if_false;
  return tree;
}

/** The clause ids of a typed formula, the last repeated up to the network's length; throws a sentence. */
function readFormula(net, text) {
  const literal = String.raw`([~!¬-]|not\b)?\s*x_?(\d+)`;
  const clause = new RegExp(String.raw`\(\s*${literal}\s*(?:\|\|?|∨|or|v)\s*${literal}\s*\)`, "gi");
  const rest = text.replace(clause, " ").replace(/&|∧|and|\s/gi, "");
  if (rest) throw new Error(`“${rest.slice(0, 20)}” has no place in a formula; allowed: clauses such as (x0 | ~x1), joined by &.`);
  const ids = [...text.matchAll(clause)].map(([written, ...parts]) => {
    const found = [0, 2].map((at) => ({ variable: Number(parts[at + 1]), negated: parts[at] !== undefined }));
    found.sort((a, b) => a.variable - b.variable);
    const [first, second] = found.map((each) => each.variable + (each.negated ? net.variables : 0));
    const id = found[1].variable < net.variables ? net.clauses.findIndex(([a, b]) => a === first && b === second) : -1;
    if (id < 0) throw new Error(`${written} is not allowed; allowed: two different variables of x0 to x${net.variables - 1}.`);
    return id;
  });
  if (ids.length < 1 || ids.length > net.length) throw new Error(`${ids.length} clauses are not allowed; allowed: 1 to ${net.length}.`);
  return { formula: [...ids, ...Array(net.length - ids.length).fill(ids.at(-1))], written: ids.length };
}
