// Rollouts: arms, shares, intervals, coverage, steps and pairs side by side.

import { $, element, keep, minute, row } from "./common.js";

const REFRESH_SECONDS = 10;
const WIDTH = 400, HEIGHT = 32, REACH = 0.5; // of the picture: differences from -50 to +50 points
const name = location.pathname.split("/")[2] ?? "";

function drawn(tag, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.textContent = text;
  return made;
}

const percent = (part) => `${Math.round(part * 100)} %`;
const points = (part) => `${part > 0 ? "+" : ""}${(part * 100).toFixed(1)}`;
const short = (version) => version.slice(0, 12);
const sources = { signals: "Answers that did not fail", judge: "The judge's pairs", votes: "Users who did not dislike" };

function picture(interval, margin) {
  const place = (value) => ((Math.max(-REACH, Math.min(REACH, value)) + REACH) / (2 * REACH)) * WIDTH;
  const middle = HEIGHT / 2 - 4;
  const svg = drawn("svg", { class: "picture", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  svg.append(drawn("title", {}, `${points(interval.estimate)} points, from ${points(interval.lower)} to ${points(interval.upper)}`));
  svg.append(drawn("rect", { class: "margin", x: place(-margin), y: 0, width: place(0) - place(-margin), height: HEIGHT - 10 }));
  svg.append(drawn("line", { class: "axis", x1: 0, x2: WIDTH, y1: middle, y2: middle }));
  svg.append(drawn("line", { class: "zero", x1: place(0), x2: place(0), y1: 0, y2: HEIGHT - 10 }));
  for (const at of [-0.4, -0.2, 0, 0.2, 0.4]) {
    svg.append(drawn("text", { x: place(at), y: HEIGHT - 1, "text-anchor": "middle" }, points(at).replace(".0", "")));
  }
  if (!interval.n) return svg;
  const group = drawn("g", { class: interval.upper < 0 ? "worse" : "" });
  group.append(drawn("line", { class: "interval", x1: place(interval.lower), x2: place(interval.upper), y1: middle, y2: middle }));
  group.append(drawn("circle", { class: "estimate", cx: place(interval.estimate), cy: middle, r: 5 }));
  svg.append(group);
  return svg;
}

const total = (rates, field) => rates.reduce((sum, one) => sum + one[field], 0);

function arms(found) {
  const body = $("arms").tBodies[0];
  body.replaceChildren();
  const { signals, votes } = found.evidence;
  const share = found.fallen ? 0 : found.share;
  for (const [arm, its] of [["candidate", share], ["current", 1 - share]]) {
    const cells = [arm, short(found[arm]), percent(its)];
    for (const rates of [signals, votes]) {
      const of = total(rates, arm);
      cells.push(of.toLocaleString(), of ? percent(total(rates, `${arm}_good`) / of) : "not measured");
    }
    row(body, cells.map((cell) => element("span", cell)));
  }
}

function intervals(found) {
  const body = $("intervals").tBodies[0];
  body.replaceChildren();
  for (const [source, title] of Object.entries(sources)) {
    const one = found.evidence.intervals[source];
    const figures = one.n
      ? `${points(one.estimate)} (${points(one.lower)} to ${points(one.upper)}), n = ${one.n.toLocaleString()}`
      : "not measured";
    row(body, [element("span", title), picture(one, found.plan.margin), element("span", figures)]);
  }
  const { pairs, coverage } = found.evidence;
  const figures = {
    "The share grows by": sources[found.plan.needs],
    "Judge": found.judge ?? "none is configured: hard signals and votes alone count",
    "Coverage": coverage === null ? "no pair was sent" : `${pairs.judged} of the last ${pairs.sent} pairs judged (${percent(coverage)}), ${percent(found.plan.min_coverage)} needed`,
    "Since the last step": `${pairs.since_step} pairs judged`,
    "Left out": `${found.left_out} questions, as the queue of this server was full`,
    "Schedule": found.plan.schedule.map(percent).join(", ") + (found.test ? "; a test, which never promotes itself" : ""),
  };
  $("figures").replaceChildren(...Object.entries(figures).flatMap(([title, said]) => [element("dt", title), element("dd", said)]));
}

function steps(found) {
  const body = $("steps").tBodies[0];
  body.replaceChildren();
  for (const step of found.steps) {
    row(body, [minute(step.at), percent(step.share), step.state.replace("_", " "), step.actor, step.reason].map((cell) => element("span", cell)));
  }
}

function examples(found) {
  const notes = [];
  if (!found.may_read) notes.push("Questions and answers are for who may read logs.");
  if (found.examples_hidden) notes.push(`${found.examples_hidden} pairs are not shown: they are not stored yet, or made from documents that you may not see.`);
  if (found.may_read && !found.examples.length && !notes.length) notes.push("No pair was judged yet.");
  $("examples-note").textContent = notes.join(" ");
  $("examples").replaceChildren(...found.examples.map((one) => {
    const pair = element("article", "", "pair");
    const sides = element("div", "", "sides");
    for (const arm of ["candidate", "current"]) {
      const side = element("div", "", one.verdict === arm ? "better" : "");
      side.append(element("strong", arm), element("p", one[arm]));
      sides.append(side);
    }
    const verdict = one.verdict === "equal" ? "equal" : `${one.verdict} is better`;
    pair.append(element("h3", one.question), sides, element("p", `${one.judge}: ${verdict}. ${one.reason}`, "made-by"));
    return pair;
  }));
}

function show_one(found) {
  $("headline").textContent = `${found.test ? "A/B test" : "Rollout"} ${found.rollout} of ${found.assistant}: ` +
    `${found.fallen ? "ending" : found.state.replace("_", " ")}, ${short(found.candidate)} instead of ${short(found.current)}.`;
  const verdict = found.verdict ? `${found.verdict.replace("_", " ")}: ${found.verdict_reason}` : found.verdict_reason;
  $("verdict").textContent = found.fallen ?? verdict;
  const isBack = found.fallen || ["rolled_back", "expired"].includes(found.state) || found.verdict === "roll_back";
  $("verdict").className = isBack ? "wrong" : "";
  arms(found);
  intervals(found);
  steps(found);
  examples(found);
}

function show_every(found) {
  $("headline").textContent = found.rollouts.length ? "" : "No rollout was started yet: `almanac rollout start ASSISTANT VERSION`.";
  const body = $("every").querySelector("tbody");
  body.replaceChildren();
  for (const one of found.rollouts) {
    const link = element("a", one.rollout);
    link.href = `/rollouts/${one.rollout}`;
    row(body, [link, ...[one.assistant, one.state.replace("_", " "), percent(one.share), one.reason].map((cell) => element("span", cell))]);
  }
}

await keep(REFRESH_SECONDS, `/v1/rollouts${name && `/${encodeURIComponent(name)}`}`, (found) => {
  (name ? show_one : show_every)(found);
  $(name ? "one" : "every").hidden = false;
});
