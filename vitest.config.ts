import { defineConfig } from 'vitest/config';

const limits = { testTimeout: 20_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: { name: 'house', include: ['test/**/*.test.ts'], exclude: ['test/repos/**', 'test/e2e/**'], ...limits },
      },
      {
        // Whole processes on a machine that others use too: there, one that runs out of time is tried once more.
        test: { name: 'end-to-end', include: ['test/e2e/**/*.test.ts'], retry: process.env.CI ? 1 : 0, ...limits },
      },
    ],
  },
});
