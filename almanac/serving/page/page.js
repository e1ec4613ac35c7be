// The page of Almanac: ask, read the answer as it comes, open its sources, say what you think.

import { $, call, headers } from "./common.js";

const TEXTS = {
  en: {
    assistant: "Assistant", asOf: "As of", fresh: "New conversation", question: "Your question",
    send: "Ask", stop: "Stop", ask: "Ask a question about the documents",
    searching: "Looking for passages …", writing: "Writing …", stopped: "Stopped.",
    like: "Good answer", dislike: "Bad answer", correction: "The right answer is",
    sendCorrection: "Send", thanks: "Stored, thank you.", takenBack: "Taken back.",
    madeBy: (a) => `Release ${a.release} as of ${a.as_of.slice(0, 10)} · ${a.model} · version ${a.version}${a.cached ? " · from kept answers" : ""}`,
    public: "No keys are set up: everyone who reaches this address may ask and see every document.",
    sources: "Sources", conversation: "Conversation", close: "Close", other: "Русский", otherCode: "RU",
    of: (d) => `${d.source} / ${d.doc_id}, as release ${d.release} of ${d.as_of.slice(0, 10)} has it`,
    lost: "The connection was lost. Ask again.",
  },
  ru: {
    assistant: "Ассистент", asOf: "На дату", fresh: "Новый разговор", question: "Ваш вопрос",
    send: "Спросить", stop: "Стоп", ask: "Задайте вопрос по документам",
    searching: "Ищу в документах …", writing: "Пишу …", stopped: "Остановлено.",
    like: "Хороший ответ", dislike: "Плохой ответ", correction: "Правильный ответ",
    sendCorrection: "Отправить", thanks: "Сохранено, спасибо.", takenBack: "Отозвано.",
    madeBy: (a) => `Выпуск ${a.release} от ${a.as_of.slice(0, 10)} · ${a.model} · версия ${a.version}${a.cached ? " · из сохранённых ответов" : ""}`,
    public: "Ключи не настроены: всякий, кому доступен этот адрес, может спрашивать и видит все документы.",
    sources: "Источники", conversation: "Разговор", close: "Закрыть", other: "English", otherCode: "EN",
    of: (d) => `${d.source} / ${d.doc_id}, каким он был в выпуске ${d.release} от ${d.as_of.slice(0, 10)}`,
    lost: "Связь прервалась. Спросите ещё раз.",
  },
};

let language = localStorage.getItem("language") ?? (navigator.language.startsWith("ru") ? "ru" : "en");
let talk = [];
let running = null;
const t = (name) => TEXTS[language][name];

function speak() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
  $("question").placeholder = t("ask");
  $("notice").textContent = t("public");
  $("language").textContent = t("otherCode");
  $("language").setAttribute("aria-label", t("other"));
  $("sources").setAttribute("aria-label", t("sources"));
  $("conversation").setAttribute("aria-label", t("conversation"));
  $("close").setAttribute("aria-label", t("close"));
  if (running) $("send").textContent = t("stop");
}

// Server-sent events of a response, each parsed; throws what an event says is an error.
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const parts = rest.split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const data = part.replace(/^data: /, "");
      if (data === "[DONE]") return;
      const event = JSON.parse(data);
      if (event.error) throw new Error(event.error.message);
      yield event;
    }
  }
}

function show(element, text, about) {
  element.replaceChildren();
  const known = new Map((about?.citations ?? []).map((citation) => [citation.n, citation]));
  for (const part of text.split(/(\[\d{1,3}\])/)) {
    const citation = known.get(Number(/^\[(\d+)\]$/.exec(part)?.[1]));
    if (!citation) {
      element.append(part);
      continue;
    }
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = part;
    button.title = citation.title;
    button.onclick = () => open_source(citation, about, button);
    element.append(button);
  }
}

function list_sources(element, about) {
  element.replaceChildren();
  for (const citation of about.citations) {
    const button = document.createElement("button");
    button.type = "button";
    const heading = citation.heading && citation.heading !== citation.title ? ` › ${citation.heading}` : "";
    button.textContent = `[${citation.n}] ${citation.title}${heading}`;
    button.className = citation.used ? "used" : "unused";
    button.onclick = () => open_source(citation, about, button);
    const item = document.createElement("li");
    item.append(button);
    element.append(item);
  }
}

let opener = null;
async function open_source(citation, about, from) {
  const path = [citation.source, ...citation.doc_id.split("/")].map(encodeURIComponent).join("/");
  const text = $("source-text");
  $("source-title").textContent = citation.title;
  $("source-about").textContent = "…";
  text.replaceChildren();
  $("sources").hidden = false;
  opener = { button: from, place: from.closest(".answer, .citations") };
  try {
    const found = await call(`/v1/documents/${path}?release=${about.release}`);
    $("source-about").textContent = t("of")(found);
    const whole = Array.from(found.text); // code points, as the server counts
    if (citation.start === null) {
      text.textContent = found.text;
    } else {
      const mark = document.createElement("mark");
      mark.textContent = whole.slice(citation.start, citation.end).join("");
      text.append(whole.slice(0, citation.start).join(""), mark, whole.slice(citation.end).join(""));
      mark.scrollIntoView({ block: "center" });
    }
  } catch (error) {
    $("source-about").textContent = error.message;
  }
  $("close").focus({ preventScroll: true });
}

function close_source() {
  $("sources").hidden = true;
  if (!opener) return;
  // An answer that is still coming in is drawn anew: there the button is another one by now.
  const { button, place } = opener;
  const same = [...place.querySelectorAll("button")].find((one) => one.textContent === button.textContent);
  (button.isConnected ? button : same)?.focus();
}

function offer_vote(turn, about) {
  const [like, dislike] = [turn.querySelector(".like"), turn.querySelector(".dislike")];
  const form = turn.querySelector(".correction");
  const thanks = turn.querySelector(".thanks");
  like.textContent = t("like");
  dislike.textContent = t("dislike");
  form.querySelector(".correction-label").textContent = t("correction");
  form.querySelector("button").textContent = t("sendCorrection");
  let rating = 0;
  async function vote(value, correction) {
    try {
      if (value === 0) await call(`/v1/feedback/${about.request_id}`, { method: "DELETE" });
      else {
        const body = { request_id: about.request_id, rating: value, correction: correction || null };
        await call("/v1/feedback", { method: "POST", body: JSON.stringify(body) });
      }
      rating = value;
      thanks.textContent = t(value === 0 ? "takenBack" : "thanks");
    } catch (error) {
      thanks.textContent = error.message;
    }
    like.setAttribute("aria-pressed", String(rating === 1));
    dislike.setAttribute("aria-pressed", String(rating === -1));
    form.hidden = rating !== -1;
  }
  like.onclick = () => vote(rating === 1 ? 0 : 1);
  dislike.onclick = () => vote(rating === -1 ? 0 : -1);
  form.onsubmit = async (event) => {
    event.preventDefault();
    const correction = form.querySelector("textarea").value.trim();
    if (!correction) return;
    await vote(-1, correction);
    form.hidden = true;
  };
  turn.querySelector(".vote").hidden = false;
}

async function ask(question) {
  const turn = $("turn").content.cloneNode(true).firstElementChild;
  const [answer, state] = [turn.querySelector(".answer"), turn.querySelector(".state")];
  turn.querySelector(".asked").textContent = question;
  state.textContent = t("searching");
  $("conversation").append(turn);
  turn.scrollIntoView({ block: "end" });
  let text = "";
  let about = null;
  running = new AbortController();
  $("send").textContent = t("stop");
  try {
    const as_of = $("as-of").value;
    const body = {
      model: $("assistant").value,
      messages: [...talk, { role: "user", content: question }],
      stream: true,
      almanac: as_of ? { as_of } : {},
    };
    const options = { method: "POST", body: JSON.stringify(body), headers, signal: running.signal };
    const response = await fetch("/v1/chat/completions", options);
    if (!response.ok) throw new Error((await response.json()).error.message);
    let finished = false;
    for await (const event of events(response)) {
      if (event.almanac) {
        about = event.almanac;
        list_sources(turn.querySelector(".citations"), about);
        turn.querySelector(".made-by").textContent = t("madeBy")(about);
        state.textContent = t("writing");
      }
      text += event.choices[0]?.delta?.content ?? "";
      finished = finished || Boolean(event.choices[0]?.finish_reason);
      show(answer, text, about);
      turn.scrollIntoView({ block: "end" });
    }
    if (!finished) throw new Error(t("lost"));
    state.textContent = "";
    talk.push({ role: "user", content: question }, { role: "assistant", content: text });
    offer_vote(turn, about);
  } catch (error) {
    const stopped = error.name === "AbortError";
    state.textContent = stopped ? t("stopped") : error instanceof TypeError ? t("lost") : error.message;
    state.classList.toggle("error", !stopped);
  } finally {
    running = null;
    $("send").textContent = t("send");
    turn.scrollIntoView({ block: "end" });
  }
}

$("ask").onsubmit = (event) => {
  event.preventDefault();
  if (running) return running.abort();
  const question = $("question").value.trim();
  if (!question) return;
  $("question").value = "";
  ask(question);
};
$("question").onkeydown = (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && !running) {
    event.preventDefault();
    $("ask").requestSubmit();
  }
};
$("new").onclick = () => {
  running?.abort();
  talk = [];
  $("conversation").replaceChildren();
  $("sources").hidden = true;
  $("question").focus();
};
$("close").onclick = close_source;
$("language").onclick = () => {
  language = language === "en" ? "ru" : "en";
  localStorage.setItem("language", language);
  speak();
};
document.onkeydown = (event) => {
  const writing = ["TEXTAREA", "INPUT", "SELECT"].includes(document.activeElement.tagName);
  if (event.key === "Escape" && !$("sources").hidden) close_source();
  else if (event.key === "/" && !writing) {
    event.preventDefault();
    $("question").focus();
  }
};

speak();
try {
  const { data } = await call("/v1/models");
  for (const { id } of data) $("assistant").append(new Option(id, id));
  const { releases, public: open } = await call("/v1/releases");
  $("notice").hidden = !open;
  if (releases.length) {
    $("as-of").min = releases.at(-1).as_of.slice(0, 10);
    $("as-of").max = releases[0].as_of.slice(0, 10);
  }
} catch (error) {
  $("notice").textContent = error.message;
  $("notice").hidden = false;
}
