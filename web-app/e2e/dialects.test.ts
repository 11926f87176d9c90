// Pages and programs of other makes: a hand-written page and a program around webrtcbin, through each
// of the protocols that old clients speak, and each of them with a device of ours.

import { expect, onTestFailed, test } from "vitest";
import { frames, House, offered, openPage, PERMIT, type Program } from "./harness.ts";
import { type Dialect, picture } from "./old-page.ts";

/** One that tells what its programs said if the test fails; a page that waits for ever says nothing. */
async function open(): Promise<House> {
  const login = ["--relay-login", "local", "--simple-login", "local"];
  const house = await House.open("full", ...login);
  onTestFailed(() => console.error(house.report()));
  return house;
}

/**
 * A page of ours that does nothing: what counts is what it is told to run. It may use the camera, so
 * that its candidates have addresses: with mDNS names alone, a webrtcbin on a busy machine now and then
 * answers the checks of the page and makes none itself, and neither end here asks again.
 */
async function blank(house: House) {
  const { page } = await openPage(await house.browser(PERMIT), `${house.url}ca`);
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  onTestFailed(() => console.error(`a page said:\n${said.slice(-40).join("\n")}`));
  return page;
}

function sockets(house: House, path: string): { program: string; page: string } {
  const place = `localhost:${house.port}/${path}`;
  return { program: `ws://${place}`, page: `wss://${place}` };
}

function webrtcbin(house: House, ...args: string[]): Program {
  return house.start("examples/webrtcbin", args);
}

test("relay: a page and a webrtcbin program, whoever comes first and again", async () => {
  await using house = await open();
  const at = sockets(house, "relay/cam");
  const page = await blank(house);
  const shown = picture(page, "relay", at.page);
  const cam = webrtcbin(house, "--relay", at.program);
  expect(await shown).toEqual([640, 480]);
  await cam.line(/^connected$/);
  await page.reload();
  expect(await picture(page, "relay", at.page)).toEqual([640, 480]);
});

test("simple: a page asks a webrtcbin program to offer, or is called by it", async () => {
  await using house = await open();
  const at = sockets(house, "simple");
  const [page, other] = await Promise.all([blank(house), blank(house)]);
  await webrtcbin(house, "--simple", at.program, "cam").line(/^known to the server$/);
  expect(await picture(page, "simple", at.page, { peer: "cam" })).toEqual([640, 480]);
  const called = picture(other, "simple", at.page, { uid: "called" });
  await other.waitForFunction(() => document.body.dataset["known"]);
  webrtcbin(house, "--simple", at.program, "caller", "called");
  expect(await called).toEqual([640, 480]);
});

test.each<Dialect>(["relay", "simple"])("%s: a page takes a device's picture", async (dialect) => {
  await using house = await open();
  await house.producer("door");
  const path = dialect === "relay" ? "relay/door" : "simple";
  const at = sockets(house, path);
  const size = await picture(await blank(house), dialect, at.page, { peer: "door" });
  expect(size).toEqual([1280, 720]);
});

test.each<Dialect>(["relay", "simple"])("%s: our page watches a program", async (dialect) => {
  await using house = await open();
  if (dialect === "relay") webrtcbin(house, "--relay", sockets(house, "relay/cam").program);
  else webrtcbin(house, "--simple", sockets(house, "simple").program, "cam");
  const { page } = await openPage(await house.browser(), house.url);
  await page.locator(offered("cam")).click();
  await frames(page, 30, [640, 480]);
});
