"use strict";
// The tokens live as long as the tab. Texts of people go into the page as text, never as markup.
const $ = (id) => document.getElementById(id);
let next = null;

function ask(method, path, body, token) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = "Bearer " + token;
  return fetch(path, { method, headers, body: body && JSON.stringify(body) });
}

function keep(tokens) {
  sessionStorage.setItem("token", tokens.access_token);
  // a release before this one gives none
  if (tokens.refresh_token) sessionStorage.setItem("refresh", tokens.refresh_token);
}

let refreshing = null;

// One at a time: a refresh token is good for one use, and several calls may find out together that the access token has ended.
function refreshed() {
  refreshing = refreshing || refresh().finally(() => { refreshing = null; });
  return refreshing;
}

async function refresh() {
  const token = sessionStorage.getItem("refresh");
  if (!token) return false;
  const answer = await ask("POST", "/auth/refresh", { refresh_token: token });
  if (answer.ok) keep(await answer.json());
  return answer.ok;
}

async function call(method, path, body) {
  const token = sessionStorage.getItem("token");
  let answer = await ask(method, path, body, token);
  if (answer.status === 401 && token && await refreshed()) {
    answer = await ask(method, path, body, sessionStorage.getItem("token"));
  }
  const document = answer.status === 204 ? null : await answer.json();
  if (answer.ok) return document;
  if (answer.status === 401 && token) signOut();
  const fields = (document.errors || []).map((e) => e.field.replace("body.", "") + ": " + e.message);
  throw new Error([document.detail, ...fields].join("; "));
}

function say(text) { $("message").textContent = text; }

function guard(work) {
  return async (event) => {
    if (event) event.preventDefault();
    say("");
    try { await work(event); } catch (error) { say(error.message); }
  };
}

function signOut() {
  sessionStorage.removeItem("token");
  sessionStorage.removeItem("refresh");
  $("tasks").hidden = true;
  $("login").hidden = false;
}

function item(task) {
  const row = document.createElement("li");
  const label = document.createElement("label");
  const box = document.createElement("input");
  const title = document.createElement("span");
  box.type = "checkbox";
  box.checked = task.status === "done";
  row.className = task.status;
  title.textContent = task.title;
  box.addEventListener("change", guard(async () => {
    const changed = await call("PATCH", "/tasks/" + task.id, { status: box.checked ? "done" : "todo" });
    row.className = changed.status;
  }));
  label.append(box, title);
  row.append(label);
  return row;
}

async function showTasks() {
  const page = await call("GET", "/tasks?limit=50" + (next ? "&cursor=" + next : ""));
  $("list").append(...page.results.map(item));
  next = page.next_cursor;
  $("more").hidden = next === null;
}

async function show() {
  let projects = (await call("GET", "/projects?limit=200")).results;
  if (projects.length === 0) projects = [await call("POST", "/projects", { name: "My project" })];
  $("add").project.replaceChildren(...projects.map((project) => new Option(project.name, project.id)));
  $("list").replaceChildren();
  next = null;
  await showTasks();
  $("login").hidden = true;
  $("tasks").hidden = false;
}

async function signIn(form) {
  const answer = await call("POST", "/login", { email: form.email.value, password: form.password.value });
  keep(answer);
  form.password.value = "";
  await show();
}

$("login").addEventListener("submit", guard(() => signIn($("login"))));
$("login").register.addEventListener("click", guard(async () => {
  const form = $("login");
  const name = form.elements.namedItem("name").value || form.email.value;
  await call("POST", "/users", { email: form.email.value, name, password: form.password.value });
  await signIn(form);
}));
$("add").addEventListener("submit", guard(async () => {
  const form = $("add");
  const task = await call("POST", "/projects/" + form.project.value + "/tasks", { title: form.title.value });
  $("list").prepend(item(task));
  form.title.value = "";
}));
$("more").addEventListener("click", guard(showTasks));
$("logout").addEventListener("click", guard(async () => {
  const token = sessionStorage.getItem("refresh");
  signOut();
  if (token) await ask("POST", "/auth/logout", { refresh_token: token });
}));
if (sessionStorage.getItem("token")) guard(show)();
