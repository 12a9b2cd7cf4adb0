import { defineConfig } from 'vitest/config';

const limits = { testTimeout: 60_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    // More than cores: most of a test is waiting for processes.
    maxWorkers: 4,
    projects: [
      {
        test: {
          name: 'house',
          include: ['test/**/*.test.ts'],
          exclude: ['test/repos/**', 'test/e2e/**'],
          // It imports JSON in a way that only bundlers take.
          server: { deps: { inline: [/@actions\//] } },
          ...limits,
        },
      },
      {
        // Whole processes, whose timing depends on the machine: in CI one that fails is tried once more.
        test: {
          name: 'end-to-end',
          isolate: false,
          include: ['test/e2e/**/*.test.ts'],
          retry: process.env.CI ? 1 : 0,
          ...limits,
        },
      },
      {
        // The same tests again, the job sent to a runtime that is up already.
        test: {
          name: 'end-to-end, runtime up',
          include: process.env.RR_LONG
            ? ['test/e2e/heal.test.ts', 'test/e2e/bad-{input,install,runtime,start,url}.test.ts']
            : ['test/e2e/bad-start.test.ts'],
          env: { RR_WAY: 'up' },
          retry: process.env.CI ? 1 : 0,
          ...limits,
        },
      },
    ],
  },
});
