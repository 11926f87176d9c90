// Calls between people in browsers, and with a device, over the real programs.

import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connections, House, PERMIT } from "./harness.ts";
import { Line } from "./line.ts";
import { PASSWORD, Person } from "./people.ts";
import { toneShare } from "./wav.ts";

/** Several calls at once on a small machine. */
const SLOW_CAMERA = "--use-fake-device-for-media-stream=fps=10,display-media-type=browser";

/** For what is tried three times. */
const THRICE = { timeout: 300_000 };

let house: House;
let browser: Browser;

beforeAll(async () => {
  house = await House.open("deny");
  browser = await house.browser(PERMIT, SLOW_CAMERA);
});

afterAll(async () => {
  await house[Symbol.asyncDispose]();
});

test.concurrent("two people see and hear each other, until one or the other hangs up", async () => {
  await using pair = await two("ann", "bob");
  const [ann, bob] = pair.people;
  await talk(ann, bob);
  const loud = await Promise.all([ann.hears(), bob.hears()]);
  for (const level of loud) expect(level).toBeGreaterThan(0.01);
  await ann.press("Hang up");
  await Promise.all([ann, bob].map(async (one) => one.sees("Call ended")));

  await bob.press("Call again");
  await ann.rungBy("bob");
  await ann.press("Accept");
  await Promise.all([ann, bob].map(async (one) => one.seesMotion()));
  await ann.press("Hang up");
  await Promise.all([ann, bob].map(async (one) => one.sees("Call ended")));
  await ann.press("Back");
  await ann.page.getByRole("button", { name: "Call bob" }).waitFor();
  expect([...ann.trace.errors, ...bob.trace.errors]).toEqual([]);
});

test.concurrent("who is called may refuse, and who calls may give up", async () => {
  await using pair = await two("cat", "dan");
  const [cat, dan] = pair.people;
  await cat.call("dan");
  await dan.rungBy("cat");
  await dan.press("Refuse");
  await cat.sees("dan did not take the call");
  await cat.press("Call again");
  await dan.rungBy("cat");
  await cat.press("Cancel the call");
  await cat.sees("Call cancelled");
  await dan.sees("Missed call from cat");
});

test.concurrent("who is called and does nothing has missed it after 30 s", async () => {
  await using pair = await two("eve", "fay");
  const [eve, fay] = pair.people;
  await eve.call("fay");
  await fay.rungBy("eve");
  await eve.sees("fay did not answer");
  await fay.sees("Missed call from eve");
  expect(fay.trace.errors).toEqual([]);
});

test.concurrent("a third one sees that both are busy, and nothing else", async () => {
  await using pair = await two("gus", "hal");
  const [gus, hal] = pair.people;
  await using ivy = await Person.of(house, browser, "ivy");
  // She was there before the call was.
  await ivy.page.getByRole("button", { name: "Call gus", exact: true }).waitFor();
  await talk(gus, hal);
  for (const name of ["gus", "hal"]) {
    const entry = ivy.page.getByRole("listitem").filter({ hasText: name });
    await entry.getByText("In a call").waitFor();
    expect(await entry.getByRole("button").count()).toBe(0);
  }
  expect(await ivy.page.locator("[data-peer]").count()).toBe(0);
  const said = await ivy.page.evaluate(pry);
  expect(said).toEqual({ startSession: "forbidden", offerCall: "busy" });
  await Promise.all([gus, hal].map(async (one) => one.seesMotion()));
  await gus.press("Hang up");
  await ivy.page.getByRole("button", { name: "Call gus", exact: true }).waitFor();
  // All that was said to her page, from before the call until after it; and to one of theirs.
  const secret = /callId|sdp|candidate/;
  expect(ivy.trace.said.filter((text) => secret.test(text))).toEqual([]);
  expect(ivy.trace.said.filter((text) => /"presence".*"gus"/.test(text))).not.toEqual([]);
  expect(gus.trace.said.filter((text) => secret.test(text))).not.toEqual([]);
});

test.concurrent("who closes the tab has hung up", async () => {
  await using pair = await two("jan", "kim");
  const [jan, kim] = pair.people;
  await talk(jan, kim);
  await jan.page.close();
  await kim.sees("Call ended");
});

test.concurrent("whose tab crashes is out of the call, and may call again", async () => {
  await using pair = await two("rod", "sue");
  const [rod, sue] = pair.people;
  await talk(rod, sue);
  await rod.crash();
  // Its browser hangs up for it.
  await sue.sees("The connection was lost");
  await sue.press("Back");
  await sue.page.getByRole("button", { name: "Call rod" }).waitFor({ state: "detached" });
  await using again = await Person.at(browser, house.url, "rod");
  await talk(sue, again);
});

test.concurrent("who calls somebody who is busy by now is told so", async () => {
  await using line = await Line.to(house.port);
  await using pair = await two("tom", "uma");
  const [tom, uma] = pair.people;
  await house.manage("account add val", `${PASSWORD}\n`);
  await using val = await Person.at(browser, line.url, "val");
  const button = val.page.getByRole("button", { name: "Call tom", exact: true });
  await button.waitFor();
  // So that she does not see it in her list.
  line.cut();
  await tom.call("uma");
  await uma.rungBy("tom");
  await uma.press("Accept");
  await button.click();
  line.mend();
  await val.sees("tom could not be called");
  await val.sees("The line is busy.");
  await Promise.all([tom, uma].map(async (one) => one.seesMotion()));
});

test.concurrent("two tabs of one account ring, and one of them answers", async () => {
  await using pair = await two("wes", "xia");
  const [wes, xia] = pair.people;
  const other = await xia.tab();
  await wes.call("xia");
  await Promise.all([xia, other].map(async (one) => one.rungBy("wes")));
  await other.press("Accept");
  await Promise.all([wes, other].map(async (one) => one.seesMotion()));
  await xia.page.getByRole("heading", { name: "wes is calling" }).waitFor({ state: "detached" });
  expect(await xia.page.getByText("Missed call").count()).toBe(0);
  expect(await xia.page.locator("video[aria-label^='Live']").count()).toBe(0);
  await other.press("Hang up");
  await Promise.all([wes, other].map(async (one) => one.sees("Call ended")));
});

test.concurrent("an admin cuts somebody in a call, which ends for both", async () => {
  await using pair = await two("yan", "zoe");
  const [yan, zoe] = pair.people;
  await house.manage("account add root --kind admin", `${PASSWORD}\n`);
  await using root = await Person.at(browser, house.url, "root");
  await talk(yan, zoe);
  await root.page.getByRole("link", { name: "Admin" }).click();
  await root.press("Connected");
  await root.page.getByRole("button", { name: "Cut yan", exact: true }).first().click();
  await yan.page.getByRole("alert").getByText("An admin closed your connection").waitFor();
  await yan.page.getByRole("button", { name: "Hang up" }).waitFor({ state: "detached" });
  await zoe.sees("The connection was lost");
  await zoe.sees("an admin closed the connection");
  await yan.press("Try now");
  await zoe.press("Back");
  await zoe.call("yan");
  await yan.rungBy("zoe");
});

test.concurrent(
  "what is muted and switched off is seen at the other end, and a screen instead",
  async () => {
    await using pair = await two("leo", "mia");
    const [leo, mia] = pair.people;
    await talk(leo, mia);
    await leo.press("Mute");
    await mia.page.getByText("leo is muted").waitFor({ state: "attached" });
    await leo.press("Camera off");
    await mia.sees("leo’s camera is off");
    await leo.press("Camera on");
    await leo.press("Unmute");
    await mia.page.getByText("leo is muted").waitFor({ state: "detached" });
    await mia.seesMotion();
    const camera = await mia.shape();
    await leo.press("Share screen");
    await leo.sees("Your screen is shown");
    await mia.seesShape(camera, false);
    await leo.press("Stop sharing");
    await mia.seesShape(camera);
    await mia.seesMotion();
  },
);

test.concurrent("a person and a device see and hear each other", async () => {
  await using ned = await Person.of(house, browser, "ned");
  await ned.hum(440);
  const file = join(house.dir, "door.wav");
  const door = await house.phone("door", file);
  await ned.call("door");
  await ned.seesMotion();
  expect(await ned.hears()).toBeGreaterThan(0.01);
  await door.line(/^in call with ned$/);
  // The tone, and not only a noise: its neighbour is not there.
  while ((await toneShare(file, 440)) < 0.5) await ned.seesMotion();
  expect(await toneShare(file, 660)).toBeLessThan(0.1);
  await ned.press("Hang up");
  await door.line(/^call ended: hangup$/);
});

test.concurrent(
  "a call outlives its signaller, which is killed and comes back",
  THRICE,
  async () => {
    await using own = await House.open("deny");
    const at = await own.browser(PERMIT, SLOW_CAMERA);
    const [ann, bob] = await Promise.all([Person.of(own, at, "ann"), Person.of(own, at, "bob")]);
    await talk(ann, bob);
    const outage = async (): Promise<void> => {
      await own.killSignaller();
      await ann.sees("The server is away");
      await Promise.all([ann, bob].map(async (one) => one.seesMotion(60)));
      await own.startSignaller("deny");
      for (const one of [ann, bob])
        await one.page.getByText("The server is away").waitFor({ state: "detached" });
      await Promise.all([ann, bob].map(async (one) => one.seesMotion(30)));
    };
    // A busy machine may stand still for as long as a picture may; hardly three times.
    let asBefore = false;
    for (let tries = 0; tries < 3 && !asBefore; tries += 1)
      asBefore = await playsOn([ann, bob], outage);
    expect(asBefore).toBe(true);
    await bob.press("Hang up");
    await Promise.all([ann, bob].map(async (one) => one.sees("Call ended")));
  },
);

test.concurrent("who hangs up while there is no server is out of the call for good", async () => {
  await using own = await House.open("deny");
  const at = await own.browser(PERMIT, SLOW_CAMERA);
  const [ann, bob] = await Promise.all([Person.of(own, at, "ann"), Person.of(own, at, "bob")]);
  await talk(ann, bob);
  await own.killSignaller();
  await ann.sees("The server is away");
  await ann.press("Hang up");
  await ann.sees("Call ended");
  await ann.press("Back");
  await own.startSignaller("deny");
  await bob.page.getByRole("button", { name: "Call again" }).waitFor();
  await bob.press("Back");
  // Both are there to be called, and in no call: neither sees a ghost of it.
  await ann.page.getByRole("button", { name: "Call bob" }).waitFor();
  await bob.page.getByRole("button", { name: "Call ann" }).waitFor();
  for (const { page } of [ann, bob])
    await page.getByRole("button", { name: "Hang up" }).waitFor({ state: "detached" });
  await talk(bob, ann);
});

/**
 * The line is cut between one page and the server, so that both believe that the other is silent,
 * and the packets of its media are dropped by the browser itself: to the page that is a network
 * that is away, and no socket says so.
 */
test.concurrent("a call outlives 20 s without a network", async () => {
  await using line = await Line.to(house.port);
  await using pat = await Person.of(house, browser, "pat");
  await house.manage("account add quin", `${PASSWORD}\n`);
  await using quin = await Person.at(browser, line.url, "quin");
  const lose = await quin.throttle();
  await talk(pat, quin);
  line.cut();
  await lose(100);
  const cut = Date.now();
  await pat.sees("Unstable");
  await quin.sees("The server is away");
  await new Promise((resolve) => setTimeout(resolve, cut + 20_000 - Date.now()));
  line.mend();
  await lose(0);
  await Promise.all([pat, quin].map(async (one) => one.seesMotion(30)));
  await pat.page.getByText("Unstable").waitFor({ state: "detached" });
  await quin.page.getByText("The server is away").waitFor({ state: "detached" });
  await quin.press("Hang up");
  await Promise.all([pat, quin].map(async (one) => one.sees("Call ended")));
});

test.concurrent("a call through which nothing gets ends by itself, and both hear why", async () => {
  await using pair = await two("amy", "ben");
  const [amy, ben] = pair.people;
  const lose = await ben.throttle();
  await talk(amy, ben);
  // The server reaches both all the while.
  await lose(100);
  await Promise.all([amy, ben].map(async (one) => one.sees("Unstable")));
  for (const one of [amy, ben]) {
    await one.sees("Picture and sound did not get through");
    await one.sees("there is no direct way between you");
    await one.sees("You talked for");
  }
});

test.concurrent("whose browser keeps camera and microphone shut is in the call, too", async () => {
  const shut = await house.browser(SLOW_CAMERA);
  await using art = await Person.of(house, browser, "art");
  await using bea = await Person.of(house, shut, "bea");
  await art.call("bea");
  await bea.rungBy("art");
  await bea.press("Accept");
  await bea.seesMotion();
  await bea.sees("The browser may not use your camera and microphone");
  await art.sees("bea’s camera is off");
  await art.page.getByText("bea is muted").waitFor({ state: "attached" });
  await bea.press("Hang up");
  await art.sees("Call ended");
  // And who rings is told before anybody answers.
  for (const one of [art, bea]) await one.press("Back");
  await bea.call("art");
  await art.rungBy("bea");
  await bea.sees("The browser may not use your camera and microphone");
  await bea.press("Cancel the call");
  await art.sees("Missed call from bea");
  expect([...art.trace.errors, ...bea.trace.errors]).toEqual([]);
});

interface Pair extends AsyncDisposable {
  readonly people: readonly [Person, Person];
}

async function two(one: string, other: string): Promise<Pair> {
  const people = await Promise.all([one, other].map((name) => Person.of(house, browser, name)));
  const [first, second] = people as [Person, Person];
  const dispose = async (): Promise<void> => {
    for (const person of people) await person[Symbol.asyncDispose]();
  };
  return { people: [first, second], [Symbol.asyncDispose]: dispose };
}

/** Until both see the other move. */
async function talk(caller: Person, callee: Person): Promise<void> {
  await caller.call(callee.name);
  await callee.rungBy(caller.name);
  await callee.press("Accept");
  await Promise.all([caller, callee].map(async (one) => one.seesMotion()));
}

/**
 * Whether the same plays on through it: connections, streams and tracks; and the picture stood
 * still for less than a new one takes.
 */
async function playsOn(people: Person[], meanwhile: () => Promise<void>): Promise<boolean> {
  const playing = async (): Promise<unknown> =>
    Promise.all(people.map(async (one) => [await connections(one.page), await one.played()]));
  const before = await playing();
  for (const one of people) await one.watchForGaps();
  await meanwhile();
  const gaps = await Promise.all(people.map(async (one) => one.longestGap()));
  return Math.max(...gaps) < 5_000 && isDeepStrictEqual(await playing(), before);
}

/** Runs in the page of somebody whom gus's call is none of their business: how each try is refused. */
async function pry(): Promise<Record<string, string>> {
  const socket = new WebSocket(`wss://${location.host}/ws`, "intercom.v1");
  const answers = new Map<number, (message: Record<string, unknown>) => void>();
  const hear = async (id: number): Promise<Record<string, unknown>> =>
    new Promise((resolve) => answers.set(id, resolve));
  const welcome = hear(0);
  socket.onmessage = ({ data }: MessageEvent<string>) => {
    const message = JSON.parse(data) as Record<string, unknown>;
    answers.get(message["type"] === "welcome" ? 0 : Number(message["id"]))?.(message);
  };
  socket.onopen = () => socket.send(JSON.stringify({ type: "hello", instance: "pry" }));
  await welcome;
  const ask = async (id: number, message: object): Promise<Record<string, unknown>> => {
    const answer = hear(id);
    socket.send(JSON.stringify({ ...message, id }));
    return answer;
  };
  const list = (await ask(1, { type: "list" }))["producers"] as { id: string; account?: string }[];
  const gus = list.find(({ account }) => account === "gus");
  const session = await ask(2, { type: "startSession", peerId: gus?.id ?? "not listed" });
  const media = { audio: true, video: true };
  const call = await ask(3, { type: "offerCall", to: "gus", media });
  socket.close();
  return { startSession: `${session["code"]}`, offerCall: `${call["code"]}` };
}
