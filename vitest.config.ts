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
        // Whole processes, whose timing depends on the machine: in CI one that fails is tried once more.
        test: { name: 'end-to-end', include: ['test/e2e/**/*.test.ts'], retry: process.env.CI ? 1 : 0, ...limits },
      },
    ],
  },
});
