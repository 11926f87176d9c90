import { defineConfig } from "vitest/config";

// Real programs on a small machine: one file at a time and few tests of it, deadlines that only a fault reaches.
export default defineConfig({
  test: {
    include: ["e2e/**/*.test.ts"],
    fileParallelism: false,
    maxConcurrency: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // The default is a second, which a busy machine needs for a click.
    expect: { poll: { timeout: 60_000 } },
  },
});
