// The dashboard as a person meets it: in a real browser, over a running network, during attacks.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";

import { PATIENCE, SHOTS, axe, fileOf, fits, openBrowser, openLine, openStage, shot } from "./support.js";

test("the dashboard", async (t) => {
  const stage = await openStage();
  t.after(() => stage.end());
  const { place } = stage;
  const line = await openLine(place.auditors[0].url);
  t.after(() => line.end());
  const plain = line.url.replace("127.0.0.1", "plain.example");
  const browser = await openBrowser([line.url, plain, place.log, ...place.liars.map((each) => each.url)]);
  t.after(() => browser.end());
  const at = (address) => `${line.url}${address}`;
  const clean = () => assert.deepEqual(browser.complaints(), []);
  const verdict = (page) => page.locator("#result [data-verdict]").first().getAttribute("data-verdict");

  const home = await browser.open();
  await home.goto(at("/"));
  const menu = await home.locator("nav[aria-label=Pages] a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
  const { logs } = await (await fetch(at("/verify.json"))).json();
  const honest = logs.find((log) => !log.origin.startsWith("log.liar"));
  const log = `/logs/${honest.hash}`;
  const pages = [...new Set([...menu, "/verify", "/lookup", "/me", log, `${log}/entries`, `${log}/entries/2`])];

  /** Looks at every page in a theme and a width. */
  const look = async (name, colorScheme, width) => {
    const page = await browser.open({ colorScheme, viewport: { width, height: 800 } });
    for (const address of pages) {
      const response = await page.goto(at(address));
      assert.equal(response.status(), 200, address);
      await page.locator('#live[data-state="live"]').waitFor();
      await axe(page, `${address} ${colorScheme} ${width}`);
      await fits(page, `${address} at ${width}`);
      await shot(page, `${name}-${width}-${colorScheme}${address.replaceAll(/\W+/g, "-").slice(0, 100).replace(/-$/, "") || "-home"}`);
    }
    await page.context().close();
    clean();
  };

  await t.test("every page is accessible and fits, in peace", async () => {
    await look("peace", "light", 1280);
    await look("peace", "dark", 320);
  });

  await t.test("pages work without scripts", async () => {
    const page = await browser.open({ javaScriptEnabled: false });
    for (const address of pages) {
      await page.goto(at(address));
      assert.ok((await page.locator("main").innerText()).length > 40, address);
    }
    await page.goto(at("/lookup"));
    assert.equal(await page.locator("main form:visible").count(), 0);
    // What a person is found by is not sent by the search box, scripts or not.
    for (const text of ["a@b.example", "+49 170 1234567", "user:mallory", "00112233-4455-6677-8899-aabbccddeeff"]) {
      await page.locator("#find").fill(text);
      assert.equal(await page.locator("#find").evaluate((field) => field.checkValidity()), false, text);
    }
    for (const text of ["serde_json", "12", "a".repeat(64)]) {
      await page.locator("#find").fill(text);
      assert.equal(await page.locator("#find").evaluate((field) => field.checkValidity()), true, text);
    }
    await page.context().close();
    clean();
  });

  await t.test("a keyboard reaches everything and is caught nowhere", async () => {
    const page = await browser.open();
    await page.goto(at("/verify"));
    await page.locator("#verify-form").waitFor();
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
    const reached = new Set();
    for (let i = 0; i < 60; i += 1) {
      await page.keyboard.press("Tab");
      const seen = await page.evaluate(() => {
        const active = document.activeElement;
        const { outlineStyle, outlineWidth } = getComputedStyle(active);
        return { name: `${active.localName} ${active.name ?? ""} ${active.textContent.slice(0, 20)}`, isBody: active === document.body, isSeen: outlineStyle !== "none" && outlineWidth !== "0px" };
      });
      if (seen.isBody) break;
      assert.ok(seen.isSeen, `the focus cannot be seen on ${seen.name}`);
      reached.add(seen.name.split(" ").slice(0, 2).join(" "));
    }
    for (const name of ["input file", "summary ", "button "]) assert.ok(reached.has(name), `${name} in ${[...reached]}`);
    await page.context().close();
    clean();
  });

  await t.test("what is shown is checked in the browser", async () => {
    const page = await browser.open();
    for (const address of [log, `${log}/entries/2`]) {
      await page.goto(at(address));
      const mark = page.locator(".checked").first();
      await mark.waitFor();
      assert.equal(await mark.getAttribute("data-verdict"), "verified", await mark.innerText());
    }
    await page.context().close();
    clean();
  });

  await t.test("where the browser has no cryptography the page says so", async () => {
    const page = await browser.open();
    await page.goto(`${plain}${log}`);
    const mark = page.locator(".checked").first();
    await mark.waitFor();
    assert.equal(await mark.getAttribute("data-verdict"), "not_verified");
    assert.match(await mark.innerText(), /Not verified here/);
    await page.context().close();
    // The browser says that it ignores a header there, which is what the page is about.
    const others = browser.complaints().filter((each) => !each.includes("Cross-Origin-Opener-Policy"));
    assert.deepEqual(others, []);
  });

  await t.test("a look-up goes to the log and is verified in the page", async () => {
    const page = await browser.open();
    const asked = [];
    page.on("request", (request) => asked.push(request));
    await page.goto(at("/lookup"));
    const lookUp = async (label) => {
      await page.locator("[name=log]").selectOption(honest.origin);
      await page.locator("[name=label]").fill(label);
      await page.locator("#lookup-form button").click();
      await page.locator("#result [data-verdict], #result [role=alert]").first().waitFor();
    };
    await lookUp(place.people[0]);
    assert.equal(await verdict(page), "verified", await page.locator("#result").innerText());
    await axe(page, "a look-up");
    await shot(page, "lookup-found");
    await lookUp("nobody@mail.example");
    assert.equal(await verdict(page), "verified");
    assert.match(await page.locator("#result").innerText(), /Nobody has published keys for nobody@mail.example/);
    await lookUp("not a label");
    assert.match(await page.locator("#result").innerText(), /Type an e-mail address/);
    const told = asked.filter((request) => `${request.url()} ${request.postData() ?? ""}`.includes(Buffer.from(place.people[0]).toString("base64").slice(4, 12)));
    for (const request of told) assert.equal(new URL(request.url()).origin, new URL(place.log).origin);
    await page.context().close();
    clean();
  });

  await t.test("files are checked in the page, and never sent", async () => {
    const page = await browser.open();
    const sent = [];
    page.on("request", (request) => request.method() === "POST" && sent.push(request.url()));
    await page.goto(at("/verify"));
    await page.locator("#verify-form").waitFor();
    /** Gives files to a field, and waits for what the page says of the last of them. */
    const give = async (field, ...files) => {
      await page.locator("#result").evaluate((result) => result.replaceChildren());
      await page.locator(`input[name=${field}]`).setInputFiles(files);
      await page.locator("#result [data-kind]").first().waitFor();
    };
    const check = (file) => give("file", file);
    const bundle = path.join(stage.dir, "messenger.bundle");
    const made = await stage.plainsight("release", "bundle", path.join(place.files, "messenger-1.0.0"), "--out", bundle);
    assert.equal(made.code, 0, made.said);
    const own = path.join(place.files, "messenger-1.0.0");
    const special = fileOf(stage, "messenger-special", "the build for one person, by another road");
    const said = () => page.locator("#result").innerText();
    await check(bundle);
    assert.equal(await verdict(page), "not_verified", await said());
    assert.match(await said(), /The bundle holds; now compare your file/);
    assert.equal(await page.locator("#result .banner.good").count(), 0);
    await axe(page, "a bundle without its file");
    await shot(page, "verify-bundle");
    await give("artifact", own);
    assert.equal(await verdict(page), "verified", await said());
    assert.match(await said(), /Your file is the one that everybody was given/);
    await shot(page, "verify-bundle-file");
    await give("artifact", special);
    assert.equal(await verdict(page), "failed", await said());
    assert.match(await said(), /Your file is not of this release/);
    await shot(page, "verify-bundle-other");
    await give("file", own, bundle);
    assert.equal(await verdict(page), "verified", await said());
    await give("file", special);
    assert.equal(await verdict(page), "failed", await said());
    await page.reload();
    await page.locator("#verify-form").waitFor();
    await give("artifact", own);
    assert.match(await said(), /Add the bundle of its release/);
    const spoilt = readFileSync(bundle, "utf8").replace(/"entry":"(.)/, (_, first) => `"entry":"${first === "A" ? "B" : "A"}`);
    await check(fileOf(stage, "spoilt.bundle", spoilt));
    assert.notEqual(await page.locator("#result [data-verdict]").count() && (await verdict(page)), "verified");
    await page.locator("#result").evaluate((result) => result.replaceChildren());
    await page.locator("#drop").evaluate((zone) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(["neither this nor that"], "dropped"));
      zone.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    });
    await page.locator('#result [data-kind="unknown"][data-name="dropped"]').waitFor();
    const note = await (await fetch(new URL("checkpoint", place.log))).text();
    await check(fileOf(stage, "checkpoint", note));
    assert.equal(await verdict(page), "verified", await page.locator("#result").innerText());
    await axe(page, "a checked file");
    assert.deepEqual(sent, []);
    await page.context().close();
    clean();
  });

  await t.test("a file is hashed in the page and found among the releases", async () => {
    const page = await browser.open();
    await page.goto(at("/releases"));
    const drop = async (file) => {
      await page.locator("#drop input[type=file]").setInputFiles(file);
      await page.locator("#drop [data-found]").waitFor();
      const found = await page.locator("#drop [data-found]").getAttribute("data-found");
      await page.locator("#drop #result").evaluate((result) => result.replaceChildren());
      return found;
    };
    assert.equal(await drop(path.join(place.files, "messenger-1.0.0")), "true");
    assert.equal(await drop(fileOf(stage, "messenger-special", "the build for one person, by another road")), "false");
    await page.context().close();
    clean();
  });

  await t.test("one box finds what people have in their hands, and keeps people out of it", async () => {
    const page = await browser.open({ viewport: { width: 390, height: 844 } });
    const asked = [];
    page.on("request", (request) => asked.push(decodeURIComponent(request.url())));
    await page.goto(at("/"));
    await page.locator('#live[data-state="live"]').waitFor();
    const find = async (text, address) => {
      await page.locator("#find").fill(text);
      await page.locator("#find").press("Enter");
      await page.waitForURL((url) => address.test(url.pathname + url.search));
    };
    const digest = createHash("sha256").update(readFileSync(path.join(place.files, "messenger-1.0.0"))).digest();
    await find(digest.toString("hex"), /^\/logs\/[0-9a-f]{64}\/entries\/\d+$/);
    assert.match(await page.locator("main").innerText(), /messenger/);
    const leaf = (await page.locator("main").innerText()) && (await (await fetch(`${page.url()}.json`)).json()).leaf;
    const entry = new URL(page.url()).pathname;
    await find(Buffer.from(leaf, "hex").toString("base64"), new RegExp(`^${entry}$`));
    await find("0", /^\/search/);
    assert.ok((await page.locator("#hits li").count()) >= 6);
    await axe(page, "what was found");
    await fits(page, "what was found");
    await shot(page, "search-390");
    await find(honest.origin, /^\/logs\/[0-9a-f]{64}$/);
    await find(honest.vkeys[0].split("+")[1], /^\/logs\/[0-9a-f]{64}$/);
    const root = await page.locator("#head code.digest").first().innerText();
    await find(root.replaceAll(/\s/g, ""), /^\/logs\/[0-9a-f]{64}$/);
    await find("messenger", /^\/(search|releases)/);
    const { hits } = await (await fetch(at("/search.json?q=messenger"))).json();
    assert.ok(hits.some((hit) => hit.path.startsWith("/releases/")), JSON.stringify(hits));
    await find("f".repeat(64), /^\/search/);
    assert.match(await page.locator("main").innerText(), /Nothing here is that/);
    for (const person of ["somebody@mail.example", "+49 170 1234567", "user:mallory"]) {
      await find(person, /^\/lookup$/);
      await page.locator("#lookup-form").waitFor();
      assert.equal(await page.locator("[name=label]").inputValue(), person);
      assert.match(await page.locator("#result").innerText(), /stayed in this browser/);
      assert.equal(await page.locator("[name=log]").inputValue(), "");
      const told = asked.filter((url) => url.split("#")[0].includes(person));
      assert.deepEqual(told, []);
    }
    await axe(page, "a person typed into the box");
    await shot(page, "search-person-390");
    const refused = await (await fetch(at("/search.json?q=a%40b.example"))).json();
    assert.deepEqual([refused.is_person, refused.query, refused.hits], [true, "", []]);
    await page.context().close();
    clean();
  });

  await t.test("what happened over time is drawn and said", async () => {
    for (const [colorScheme, width] of [["light", 1280], ["dark", 390]]) {
      const page = await browser.open({ colorScheme, viewport: { width, height: 844 } });
      await page.goto(at(log));
      const figures = page.locator(".charts figure");
      assert.ok((await figures.count()) >= 2);
      for (const figure of await figures.all()) {
        const words = await figure.locator("svg").getAttribute("aria-labelledby");
        assert.match(await page.locator(`#${words}`).innerText(), /entr|head|alert|waited/);
        await figure.locator("summary").click();
        assert.ok((await figure.locator("tbody tr").count()) >= 1);
        await figure.locator("summary").click();
      }
      await page.locator(".charts").scrollIntoViewIfNeeded();
      await page.locator(".charts").screenshot({ path: path.join(SHOTS, `charts-${width}-${colorScheme}.png`) });
      await page.context().close();
    }
    assert.equal((await fetch(at("/favicon.ico"))).headers.get("content-type"), "image/svg+xml");
    clean();
  });

  await t.test("on paper everything is open", async () => {
    const page = await browser.open({ viewport: { width: 800, height: 1000 } });
    await page.goto(at(log));
    await page.locator('#live[data-state="live"]').waitFor();
    await page.emulateMedia({ media: "print" });
    assert.equal(await page.locator("#note").isVisible(), true);
    assert.equal(await page.locator("nav").isVisible(), false);
    await shot(page, "print-log");
    await page.context().close();
    clean();
  });

  await t.test("heads of other auditors are compared in the browser", async () => {
    const page = await browser.open();
    await page.goto(at("/heads"));
    // The auditors compare themselves one by one, and the page says it as they do.
    await page.locator("main table a:has(.good)").nth(11).waitFor();
    const cells = await page.locator("main table a:has(.good)").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
    await page.goto(at(cells[0]));
    const mark = page.locator(".checked").first();
    await mark.waitFor();
    assert.equal(await mark.getAttribute("data-verdict"), "verified", await mark.innerText());
    await axe(page, "two heads");
    await shot(page, "heads-cell");
    await page.context().close();
    clean();
  });

  await t.test("a change of somebody's keys shows on the list, live", async () => {
    const page = await browser.open();
    await page.goto(at("/me"));
    const add = async (label) => {
      await page.locator("[name=log]").selectOption(honest.origin);
      await page.locator("[name=label]").fill(label);
      await page.locator("#me-form button").click();
      await page.locator(`[data-label="${label}"]`).waitFor();
    };
    const [one, other] = place.people.slice(4, 6);
    await add(one);
    await add(other);
    const state = (label, tone) => page.locator(`[data-label="${label}"][data-state="${tone}"]`).waitFor();
    await state(one, "good");
    await stage.play(`rotate ${one}`);
    await state(one, "warn");
    await state(other, "good");
    await axe(page, "the list");
    // What changed is asked of the log, and checked here.
    const history = page.locator(`[data-label="${one}"] [data-history]`);
    await history.waitFor();
    assert.equal(await history.getAttribute("data-history"), "verified", await history.innerText());
    assert.match(await history.innerText(), /Version 1, new: .*device-0/);
    await shot(page, "me-changed");
    await page.reload();
    await state(one, "warn");
    // To be typed in again takes no warning away.
    await page.locator("[name=log]").selectOption(honest.origin);
    await page.locator("[name=label]").fill(one);
    await page.locator("#me-form button").click();
    await page.locator("#result [role=alert]").waitFor();
    await state(one, "warn");
    await page.context().close();
    clean();
  });

  await t.test("what rebuilders found is said in words", async () => {
    const page = await browser.open({ viewport: { width: 320, height: 800 }, colorScheme: "dark" });
    const { logs: listed } = await (await fetch(at("/releases.json"))).json();
    const { path: address } = listed.find((each) => each.origin === honest.origin).streams[0];
    const card = page.locator(".card").first();
    for (const [outcome, words] of [
      [null, /Not rebuilt/],
      ["same", /rebuilder\.example built it from the published source and got the same file/],
      ["other", /got other bytes/],
    ]) {
      if (outcome) await stage.play(`rebuild 1.0.0 ${outcome}`);
      await page.goto(at(address));
      assert.match(await card.innerText(), words);
    }
    await page.locator('#live[data-state="live"]').waitFor();
    await axe(page, "a stream with rebuilds, dark");
    await fits(page, "a stream with rebuilds");
    await shot(page, "rebuilds-320-dark");
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize({ width: 1280, height: 900 });
    await axe(page, "a stream with rebuilds, light");
    await shot(page, "rebuilds-1280-light");
    await page.context().close();
    clean();
  });

  await t.test("the operator adds a log by the form", async () => {
    const page = await browser.open({ viewport: { width: 320, height: 800 }, colorScheme: "dark" });
    const fill = async (vkey, url, token) => {
      await page.locator("[name=vkey]").fill(vkey);
      await page.locator("[name=url]").fill(url);
      await page.locator("[name=token]").fill(token);
      const answered = page.waitForEvent("load");
      await page.locator("#add button").click();
      await answered;
    };
    const { vkey, url } = place.newcomer;
    await page.goto(at("/logs"));
    await page.locator("#add summary").click();
    await fill("nonsense", url, place.token);
    await page.locator("#vkey-wrong").waitFor();
    assert.match(await page.locator("#vkey-wrong").innerText(), /This is no verifier key/);
    assert.equal(await page.locator("[name=url]").inputValue(), url);
    assert.equal(await page.locator("[name=token]").inputValue(), "");
    await axe(page, "a form with something wrong, dark");
    await fits(page, "a form with something wrong");
    await shot(page, "add-log-wrong-320-dark");
    await fill(vkey, place.log, place.token);
    assert.match(await page.locator("#url-wrong").innerText(), /The log there is called/);
    await fill(vkey, url, "a guess of the token");
    assert.match(await page.locator("#token-wrong").innerText(), /not the operator/);
    await fill(vkey, url, place.token);
    await page.locator("#added").waitFor();
    assert.match(await page.locator("#added").innerText(), /log\.newcomer\.example is added/);
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize({ width: 1280, height: 900 });
    await axe(page, "a log was added, light");
    await shot(page, "add-log-done-1280-light");
    await page.context().close();
    // The browser itself complains about the answers to what was wrong.
    const others = browser.complaints().filter((each) => !/status of (422|403)/.test(each));
    assert.deepEqual(others, []);
  });

  await t.test("a decoy is named on the list, live", async () => {
    const page = await browser.open({ viewport: { width: 320, height: 800 } });
    await page.goto(at("/me"));
    await page.locator("[name=log]").selectOption("log.liar.example/decoy");
    await page.locator("[name=label]").fill(place.victim);
    await page.locator("[name=who]").selectOption("me");
    await page.locator("#me-form button").click();
    const card = page.locator(`[data-label="${place.victim}"]`);
    await card.and(page.locator('[data-state="good"]')).waitFor();
    await stage.play("decoy");
    await card.locator('[data-history="failed"]').waitFor();
    const said = await card.innerText();
    assert.equal(await card.getAttribute("data-state"), "bad");
    for (const words of [/shows a decoy as the history of/, /version 1 is not the one that the index holds/, /What to do/]) assert.match(said, words);
    await axe(page, "a decoy, light");
    await fits(page, "a decoy");
    await shot(page, "me-decoy-320-light");
    await page.emulateMedia({ colorScheme: "dark" });
    await page.setViewportSize({ width: 1280, height: 900 });
    await axe(page, "a decoy, dark");
    await shot(page, "me-decoy-1280-dark");
    await page.context().close();
    clean();
  });

  await t.test("each lie appears on the first page without a reload", async () => {
    await home.evaluate(() => (globalThis.isSame = true));
    const lies = {
      "second-build": /second, different build/,
      "wrong-root": /index/,
      rewrite: /drops or changes|history/,
      "split-view": /two|fork|contradict/,
    };
    for (const [lie, words] of Object.entries(lies)) {
      const before = await home.locator("main").innerText();
      await stage.play(lie);
      const card = home.locator(`.card:has-text("log.liar.example/${lie}").bad`);
      await card.waitFor();
      assert.match(await card.innerText(), words, lie);
      assert.notEqual(await home.locator("main").innerText(), before);
    }
    await home.locator("#news").waitFor();
    assert.equal(await home.evaluate(() => globalThis.isSame), true);
    assert.match(await home.title(), /logs broke their promise/);
    assert.equal(await home.locator("#news.bad").count(), 1);
    await axe(home, "the first page under attack");
    await shot(home, "attack-home");
    clean();
  });

  await t.test("evidence is proven in the page", async () => {
    const page = await browser.open();
    // A file is put together after the verdict; the list says it when there is one.
    await page.goto(at("/alerts"));
    for (const rule of ["version-conflict", "epoch-root", "extension", "fork"]) {
      await page.locator(`section[aria-labelledby="ev-h"] li:has(code:text-is("${rule}"))`).first().waitFor();
    }
    const list = await (await fetch(at("/v1/evidence"))).json();
    await page.goto(at("/verify"));
    await page.locator("#verify-form").waitFor();
    for (const { id, rule } of list) {
      const bytes = Buffer.from(await (await fetch(at(`/v1/evidence/${id}`))).arrayBuffer());
      await page.locator("#result").evaluate((result) => result.replaceChildren());
      await page.locator("input[name=file]").setInputFiles(fileOf(stage, `${rule}.json`, bytes));
      await page.locator("#result [data-verdict]").first().waitFor();
      assert.equal(await verdict(page), "verified", await page.locator("#result").innerText());
      assert.equal(await page.locator('#result [data-step="server"][data-result="ok"]').count(), 1);
    }
    await shot(page, "verify-evidence");
    // With one bit changed it is called nothing that it is not.
    const { id: first } = list[0];
    const text = await (await fetch(at(`/v1/evidence/${first}`))).text();
    const flipped = text.replace(/[A-Za-z0-9+/]{60}/, (found) => `${found.slice(0, 20)}${found[20] === "A" ? "B" : "A"}${found.slice(21)}`);
    assert.notEqual(flipped, text);
    await page.locator("#result").evaluate((result) => result.replaceChildren());
    await page.locator("input[name=file]").setInputFiles(fileOf(stage, "flipped.json", flipped));
    await page.locator("#result [data-kind]").waitFor();
    const altered = await page.locator("#result").innerText();
    assert.match(altered, /claims to be evidence/);
    assert.doesNotMatch(altered, /Convicts|^Proven/m);
    for (const { id } of list) {
      await page.goto(at(`/evidence/${id}`));
      const mark = page.locator(".checked").first();
      await mark.waitFor();
      assert.equal(await mark.getAttribute("data-verdict"), "verified", await mark.innerText());
    }
    await axe(page, "the page of evidence");
    await shot(page, "evidence");
    await page.context().close();
    clean();
  });

  await t.test("nothing of a convicted log looks well", async () => {
    const page = await browser.open();
    await page.goto(at("/releases"));
    const table = page.locator("section.banner:has-text('second-build') + table");
    assert.equal(await table.locator(".badge.good").count(), 0);
    assert.equal(await table.locator(".badge.bad").count(), 1);
    await page.goto(at("/heads"));
    const heads = page.locator("section:has(> h2 > a:text-is('log.liar.example/second-build'))");
    assert.equal(await heads.count(), 1);
    assert.equal(await heads.locator(".good").count(), 0);
    await page.goto(at("/quorum"));
    const says = page.locator(".tree .meta:has-text('log.liar.example/second-build')");
    assert.ok((await says.count()) >= 3);
    assert.equal(await says.locator(".good").count(), 0);
    await page.goto(at("/"));
    const card = page.locator(".card.bad:has-text('second-build')");
    assert.match(await card.innerText(), /Everybody who uses pkg:cargo\/messenger 1\.0\.0/);
    assert.match(await card.innerText(), /Do not install this version/);
    await page.goto(at("/lookup"));
    await page.locator("[name=log]").selectOption("log.liar.example/second-build");
    await page.locator("[name=label]").fill("nobody@mail.example");
    await page.locator("#lookup-form button").click();
    await page.locator("#result [data-verdict]").waitFor();
    assert.equal(await verdict(page), "failed");
    assert.match(await page.locator("#result").innerText(), /second, different build/);
    await page.context().close();
    clean();
  });

  await t.test("a key that was never logged is refused in the page", async () => {
    const page = await browser.open();
    await page.goto(at("/lookup"));
    const lookUp = async () => {
      await page.locator("[name=log]").selectOption("log.liar.example/never-logged");
      await page.locator("[name=label]").fill(place.victim);
      await page.locator("#lookup-form button").click();
      await page.locator("#lookup-form button:enabled").waitFor();
      return verdict(page);
    };
    assert.equal(await lookUp(), "verified", await page.locator("#result").innerText());
    await stage.play("never-logged");
    assert.equal(await lookUp(), "failed");
    assert.match(await page.locator("#result").innerText(), /not the one that the log has committed to/);
    await shot(page, "lookup-lie");
    await page.context().close();
    clean();
  });

  await t.test("every page is accessible and fits, under attack", async () => {
    await stage.play("withdraw");
    await look("attack", "dark", 1280);
    await look("attack", "light", 320);
  });

  await t.test("a broken line is said, and mended", async () => {
    await home.locator('#live[data-state="live"]').waitFor();
    line.cut();
    await home.locator('#live[data-state="reconnecting"]').waitFor();
    await home.locator('#live[data-state="stale"]').waitFor();
    assert.match(await home.locator(".stale").innerText(), /has not answered since/);
    await axe(home, "a page that is stale");
    await shot(home, "stale");
    line.mend();
    await home.locator('#live[data-state="live"]').waitFor({ timeout: 2 * PATIENCE });
    // The browser itself complains about the line.
    browser.complaints();
    await stage.play("release 1.1.0");
    await home.locator('main:has-text("messenger 1.1.0")').first().waitFor();
    assert.equal(await home.evaluate(() => globalThis.isSame), true);
    clean();
  });
});
