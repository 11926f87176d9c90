// The browser's camera and microphone reach a device, in either codec.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { frames, House, offered, openPage, PERMIT, sound } from "./harness.ts";

const run = promisify(execFile);

test.each([
  { codec: "VP8", found: "video codec: VP8" },
  { codec: "H264", found: "video codec: H264" },
])("$codec from the page becomes a recording of picture and sound", async ({ codec, found }) => {
  await using house = await House.open();
  const { page, trace } = await openPage(await house.browser(PERMIT), house.url);
  await goOnAir(page, "tablet", codec);
  // The page says that it is on air as soon as it has asked for it.
  await expect.poll(() => house.peerIds("tablet")).toHaveLength(1);
  const [id] = await house.peerIds("tablet");
  const file = join(house.dir, "tablet.mkv");
  const consumer = house.consumer("--peer-id", `${id}`, "--record", file, "--duration", "6");
  await consumer.line(/^watching tablet /);
  await page.getByText("1 viewer is watching").waitFor();
  await consumer.line(/^recorded /);
  expect(await consumer.exited).toBe(0);
  await page.getByText("Nobody is watching yet").waitFor();

  const { stdout } = await run("gst-discoverer-1.0", ["-v", file]);
  expect(stdout).toContain(found);
  expect(stdout).toContain("audio codec: Opus");
  expect(seconds(stdout)).toBeGreaterThanOrEqual(3);
  await decode(file);
  expect(trace.errors).toEqual([]);
});

test("one page watches another; muting and stopping are seen at the other end", async () => {
  await using house = await House.open();
  const browser = await house.browser(PERMIT);
  const { page: tablet } = await openPage(browser, house.url);
  await goOnAir(tablet, "tablet", "VP8");
  await tablet.getByText("Nothing is on air").waitFor();
  const { page: phone } = await openPage(browser, house.url);
  await phone.locator(offered("tablet")).click();
  await frames(phone, 10);
  expect(await sound(phone)).toBeGreaterThan(0.01);

  await tablet.getByRole("button", { name: "Mute microphone" }).click();
  await tablet.getByRole("button", { name: "Unmute microphone" }).waitFor();
  await tablet.getByRole("combobox", { name: "Camera" }).selectOption("No camera");
  await tablet.getByText("Sound only").waitFor();
  await tablet.getByRole("button", { name: "Stop sending" }).click();
  await phone.getByText("It went off the air").waitFor();
  await expect.poll(() => tablet.locator("video").count()).toBe(0);
});

test("a killed signaller ends nothing that is sent, and it is listed again", async () => {
  await using house = await House.open();
  const browser = await house.browser(PERMIT);
  const { page: tablet } = await openPage(browser, house.url);
  await goOnAir(tablet, "tablet", "VP8");
  const { page: phone } = await openPage(browser, house.url);
  await phone.locator(offered("tablet")).click();
  await frames(phone, 10);
  await house.killSignaller();
  await tablet.getByText("The server is away").waitFor();
  await frames(phone, 30);
  await house.startSignaller();
  await tablet.getByText("1 viewer is watching").waitFor();
  await expect.poll(() => house.peerIds("tablet")).toHaveLength(1);
  await frames(phone, 30);
});

async function goOnAir(page: Page, name: string, codec: string): Promise<void> {
  await page.getByRole("button", { name: "Open preview" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill(name);
  await page.getByRole("combobox", { name: "Video codec" }).selectOption(codec);
  await page.getByRole("button", { name: "Go on air" }).click();
  await page.getByText("Nobody is watching yet").waitFor();
}

/** Plays the whole file, both tracks; throws at the first thing that cannot be decoded. */
async function decode(file: string): Promise<void> {
  const both = "d. ! queue ! videoconvert ! fakesink d. ! queue ! audioconvert ! fakesink";
  const pipeline = `filesrc location=${file} ! decodebin name=d ${both}`;
  await run("gst-launch-1.0", ["-q", ...pipeline.split(" ")]);
}

function seconds(discovered: string): number {
  const [, hours, minutes, rest] = /Duration: (\d+):(\d+):([\d.]+)/.exec(discovered) ?? [];
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(rest);
}
