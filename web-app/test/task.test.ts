import { expect, it } from "vitest";
import type { Answer } from "../src/lib/api.ts";
import { Task } from "../src/ui/task.svelte.ts";

it("a request of a form is under way, and then done or a problem", async () => {
  const task = new Task();
  const asked = task.run(() => Promise.resolve({ ok: true, value: 7 }));
  expect([task.busy, task.done]).toEqual([true, false]);
  expect(await asked).toMatchObject({ value: 7 });
  expect([task.busy, task.done]).toEqual([false, true]);
  const problem = { kind: "serverAway" } as const;
  expect(await task.run(() => Promise.resolve({ ok: false, problem }))).toBeNull();
  expect([task.busy, task.done, task.problem]).toEqual([false, false, problem]);
});

it("who goes on writing while it is under way is not told that it is done", async () => {
  const task = new Task();
  let answer: (answer: Answer<number>) => void = () => undefined;
  const asked = task.run(() => new Promise<Answer<number>>((resolve) => (answer = resolve)));
  task.reset();
  answer({ ok: true, value: 7 });
  expect(await asked).toMatchObject({ value: 7 });
  expect([task.busy, task.done]).toEqual([false, false]);
});
