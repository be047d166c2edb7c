// Keeps a page of a lecture up to date, and sends what is typed. Without any library.
"use strict";

const main = document.querySelector("main");
const base = main.dataset.base; // "" for students, "/teacher" for the teacher
let closing = 0; // when the round closes, on this browser's clock, in milliseconds

async function send(path, content) {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(content) });
  return { ok: answer.ok, said: await answer.json() };
}

function tell(place, text) {
  if (place) place.textContent = text;
}

function lost(yes) {
  document.querySelector("#lost").hidden = !yes;
}

function ticks() {
  return [...document.querySelectorAll(".tick:checked")];
}

async function refresh() {
  const state = await (await fetch(`${base}/state`)).json();
  if (state.version === undefined) return location.reload(); // the seat is no longer known
  closing = Date.now() + 1000 * state.seconds;
  if (state.version !== main.dataset.version) {
    const text = await (await fetch(`${base}/view`)).text();
    const ticked = new Set(ticks().map((tick) => tick.dataset.name));
    const unfolded = main.querySelector("details[open] .seats") !== null;
    main.innerHTML = text;
    main.dataset.version = main.firstElementChild.dataset.version;
    for (const tick of document.querySelectorAll(".tick")) tick.checked = ticked.has(tick.dataset.name);
    if (unfolded) main.querySelector(".seats")?.closest("details")?.setAttribute("open", "");
    lookAll();
  }
  lost(false);
}

async function keepUp() {
  try {
    await refresh();
  } catch {
    lost(true);
  }
  setTimeout(keepUp, 1000);
}

function showTime() {
  const left = Math.max(0, Math.ceil((closing - Date.now()) / 1000));
  for (const clock of document.querySelectorAll(".clock")) {
    clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    clock.classList.toggle("late", left <= 10);
  }
}

async function join(form) {
  tell(form.querySelector(".wrong"), "");
  const { ok, said } = await send("/join", Object.fromEntries(new FormData(form)));
  if (ok) location.reload();
  else tell(form.querySelector(".wrong"), said.message);
}

function mark(form, wrong) {
  for (const field of form.querySelectorAll("input[name]")) {
    field.setAttribute("aria-invalid", field.name in wrong);
    tell(document.getElementById(`wrong-${field.name}`), wrong[field.name] ?? "");
  }
}

const NUMBER = /^[+-]?(\d+[.,]?\d*|[.,]\d+)(e[+-]?\d+)?$/i;
const THOUSANDS = /^[+-]?[1-9]\d{0,2}(,\d{3})+$/;

function ambiguous(text) {
  const whole = text.replaceAll(",", "");
  if (whole.length < text.length - 1) return `Write ${whole} without commas, if that is what you mean.`;
  return `Do you mean ${text.replace(",", ".")} or ${whole}? Write it with a point, or without a comma.`;
}

// What the server would refuse is said as soon as it is typed.
function look(field) {
  const text = field.value.trim();
  const price = NUMBER.test(text) ? Number(text.replace(",", ".")) : NaN;
  let wrong = "";
  if (THOUSANDS.test(text)) wrong = ambiguous(text);
  else if (text && !Number.isFinite(price)) wrong = "Write a number, such as 0.25, or leave the field empty.";
  else if (price < 0) wrong = "A price cannot be below 0.";
  else if (field.dataset.most && price > Number(field.dataset.most))
    wrong = `You have ${field.dataset.most} credits: a bid above that would be refused.`;
  field.setAttribute("aria-invalid", wrong !== "");
  tell(document.getElementById(`wrong-${field.name}`), wrong);
  remark(field, wrong || !text ? NaN : price);
}

// What is allowed, and hardly wise.
function remark(field, price) {
  const limit = Number(field.dataset.limit);
  let words = "";
  if (field.name.startsWith("bid-") && price > limit + 0.0005) words = "More than it is worth to you: you can lose by it.";
  if (field.name.startsWith("ask-") && price < limit - 0.0005) words = "Less than selling can cost you: you can lose by it.";
  tell(document.getElementById(`remark-${field.name}`), words);
}

function lookAll() {
  for (const field of document.querySelectorAll("#prices input[name]")) look(field);
}

async function sendPrices(form) {
  const prices = Object.fromEntries(new FormData(form));
  const { ok, said } = await send("/prices", { round: Number(form.dataset.round), prices });
  mark(form, said.wrong ?? {});
  if (ok) await refresh();
  const empty = !Object.values(prices).some((price) => price.trim());
  const done = empty ? "Sent: you neither buy nor sell." : "Sent.";
  tell(
    document.querySelector("#sent"),
    ok ? `${done} You can change your prices until the time is up.` : said.message ?? "Not sent: see the red notes."
  );
}

async function act(button) {
  const number = Number(button.dataset.number ?? document.querySelector("#duration")?.value ?? 0);
  const organisations = ticks().map((tick) => Number(tick.value));
  const { ok, said } = await send("/teacher/act", { act: button.dataset.act, number, organisations });
  if (ok) await refresh();
  const place = document.querySelector("#refused");
  place.className = ok ? "soft" : "wrong";
  tell(place, said.message);
}

document.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  const doing = form.id === "join" ? join(form) : sendPrices(form);
  doing.catch(() => lost(true));
});
// The browser itself asks for what is missing: an older note is then out of place.
document.addEventListener("invalid", (event) => tell(event.target.form?.querySelector("#join > .wrong"), ""), true);
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-act]");
  if (button) act(button).catch(() => lost(true));
});
document.addEventListener("input", (event) => {
  const field = event.target;
  if (field.id === "all-asks")
    for (const ask of document.querySelectorAll("input[name^='ask-']")) {
      ask.value = field.value;
      look(ask);
    }
  else if (field.closest("#prices")) look(field);
});
lookAll();
if (main.dataset.version) keepUp();
setInterval(showTime, 250);
