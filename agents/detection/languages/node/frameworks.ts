/**
 * Frameworks that bring their own command line: how each is built and served for production, and which script words
 * mean that. Order matters: what builds upon another stands before it (TanStack Start before Vite, Next before Express).
 */
import type { Kind } from '../../contract.js';
import type { Place } from '../../place.js';
import { asTable, asText, at } from '../../values.js';

export interface Served {
  /** The production command without the package manager's prefix, e.g. `next start`. */
  program: string;
  /** `program` is started as it is (`node build`), not as a dependency's program. */
  direct?: boolean;
  /** Flags that hand over port and host; null: PORT and HOST of the environment are honoured. */
  flags: string | null;
  /** A package script whose last command matches does the same. */
  matches: RegExp;
  kind: Kind;
  port: number | null;
  writes: string[];
  claim: string;
  /** Where the claim is read: file from the place and pattern; null: the dependency's line. */
  at: readonly [file: string, pattern: RegExp] | null;
  paths?: string[];
}
export interface Framework {
  name: string;
  /** One of these among the dependencies. */
  deps: readonly string[];
  /** Beside the dependency this must hold; absent: the dependency is enough. */
  when?: (place: Place, deps: ReadonlySet<string>) => boolean;
  /** The command that builds it; null: nothing to build. */
  build: string | null;
  serve: (place: Place, deps: ReadonlySet<string>) => Served;
}

const LOCAL = '--host 127.0.0.1';
const VITE_FLAGS = `--port $PORT ${LOCAL}`;

/** The configuration file of a program, e.g. next.config.*, or null. */
export const findConfig = (place: Place, name: string): string | null =>
  place.names.find((file) => file.startsWith(`${name}.config.`) && /\.[cm]?[jt]s$/.test(file)) ?? null;
const reads = (place: Place, file: string | null, pattern: RegExp): RegExpExecArray | null =>
  file === null ? null : pattern.exec(place.read(file) ?? '');

/** A folder of files, served by our own small server. */
const files = (folder: string, spa: boolean, writes: string[], where: Served['at'] = null): Served => ({
  program: `rr-static ${folder}${spa ? ' --spa' : ''}`,
  direct: true,
  flags: null,
  matches: /^(?:serve|http-server|sirv)\b/,
  kind: 'static-site',
  port: null,
  writes: [...writes, folder],
  claim: `the build writes ${folder}/, served as files`,
  at: where,
  paths: ['/'],
});
const served = (said: Partial<Served> & Pick<Served, 'program' | 'matches' | 'port' | 'claim'>): Served => ({
  flags: null,
  kind: 'web-service',
  writes: [],
  at: null,
  paths: ['/'],
  ...said,
});
const nodeOutput = (file: string, writes: string[], port: number, claim: string): Served =>
  served({
    program: `node ${file}`,
    direct: true,
    matches: /^node (?:\.\/)?(?:\.output|build|dist)\b/,
    port,
    writes,
    claim,
  });

const serveNext: Framework['serve'] = (place) => {
  const config = findConfig(place, 'next');
  if (config !== null && reads(place, config, /output\s*:\s*['"]export['"]/) !== null) {
    const out = reads(place, config, /distDir\s*:\s*['"]([^'"]+)['"]/)?.[1] ?? 'out';
    return files(out, false, ['.next', 'next-env.d.ts'], [config, /output\s*:/]);
  }
  return served({
    program: 'next start',
    matches: /^next start\b/,
    port: 3000,
    writes: ['.next', 'next-env.d.ts'],
    claim: 'next start serves the build and honours PORT',
  });
};
const serveNuxt: Framework['serve'] = (place) => {
  const version =
    asText(at(place.json('package.json'), 'dependencies', 'nuxt')) ??
    asText(at(place.json('package.json'), 'devDependencies', 'nuxt')) ??
    '';
  return /^[\^~]?2/.test(version)
    ? served({
        program: 'nuxt start',
        matches: /^nuxt start\b/,
        port: 3000,
        writes: ['.nuxt'],
        claim: 'nuxt start serves the build and honours PORT',
      })
    : nodeOutput(
        '.output/server/index.mjs',
        ['.nuxt', '.output'],
        3000,
        'Nuxt builds a Node server into .output, which honours PORT',
      );
};
const serveRouter =
  (program: string, matches: RegExp): Framework['serve'] =>
  (place, deps) => {
    const config = findConfig(place, 'react-router') ?? findConfig(place, 'vite');
    if (reads(place, config, /\bssr\s*:\s*false\b/) !== null)
      return files('build/client', true, ['build'], [config!, /\bssr\s*:/]);
    const classic = deps.has('@remix-run/dev') && findConfig(place, 'vite') === null;
    const entry = classic ? 'build/index.js' : 'build/server/index.js';
    return served({
      program: `${program} ./${entry}`,
      matches,
      port: 3000,
      writes: ['build', 'public/build', '.react-router'],
      claim: `${program} serves the build and honours PORT`,
    });
  };
const serveSvelteKit: Framework['serve'] = (place, deps) => {
  const config = findConfig(place, 'svelte');
  if (deps.has('@sveltejs/adapter-node')) {
    const out = reads(place, config, /\bout\s*:\s*['"]([^'"]+)['"]/)?.[1] ?? 'build';
    return {
      ...nodeOutput(out, ['.svelte-kit', out], 3000, 'adapter-node builds a Node server, which honours PORT and HOST'),
    };
  }
  if (deps.has('@sveltejs/adapter-static')) {
    const out = reads(place, config, /\bpages\s*:\s*['"]([^'"]+)['"]/)?.[1] ?? 'build';
    return files(
      out,
      reads(place, config, /\bfallback\s*:\s*['"]/) !== null,
      ['.svelte-kit'],
      config === null ? null : [config, /adapter/],
    );
  }
  return served({
    program: 'vite preview',
    flags: VITE_FLAGS,
    matches: /^vite preview\b/,
    port: 4173,
    writes: ['.svelte-kit'],
    claim: 'vite preview serves the build',
  });
};
const serveAstro: Framework['serve'] = (place, deps) => {
  const config = findConfig(place, 'astro');
  if (deps.has('@astrojs/node') && reads(place, config, /mode\s*:\s*['"]standalone['"]/) !== null) {
    return {
      ...nodeOutput(
        './dist/server/entry.mjs',
        ['dist', '.astro'],
        4321,
        'the standalone Node adapter honours PORT and HOST',
      ),
      at: [config!, /mode\s*:/],
    };
  }
  const base = reads(place, config, /\bbase\s*:\s*['"](\/[^'"]*)['"]/)?.[1];
  return served({
    program: 'astro preview',
    flags: VITE_FLAGS,
    matches: /^astro preview\b/,
    port: 4321,
    kind: 'static-site',
    writes: ['dist', '.astro'],
    claim: 'astro preview serves the build',
    paths: [base ?? '/'],
  });
};
const serveVite: Framework['serve'] = (place) => {
  const config = findConfig(place, 'vite');
  const out = reads(place, config, /\boutDir\s*:\s*['"]([^'"]+)['"]/)?.[1] ?? 'dist';
  const base = reads(place, config, /\bbase\s*:\s*['"](\/[^'"]*)['"]/)?.[1];
  return served({
    program: 'vite preview',
    flags: VITE_FLAGS,
    matches: /^vite preview\b/,
    port: 4173,
    kind: 'static-site',
    writes: [out, 'node_modules/.vite'],
    claim: 'vite preview serves the build',
    paths: [base ?? '/'],
  });
};
const serveTanstack: Framework['serve'] = (place, deps) => {
  const config = findConfig(place, 'vite') ?? findConfig(place, 'app');
  return deps.has('vinxi') || deps.has('nitro') || reads(place, config, /\bnitro\b/) !== null
    ? nodeOutput(
        '.output/server/index.mjs',
        ['.output', '.vinxi', '.tanstack', '.nitro'],
        3000,
        'the build writes a Node server into .output, which honours PORT',
      )
    : served({
        program: 'vite preview',
        flags: VITE_FLAGS,
        matches: /^vite preview\b/,
        port: 4173,
        writes: ['dist', '.tanstack'],
        claim: 'vite preview serves the build',
      });
};
const serveAngular: Framework['serve'] = (place) => {
  const workspace = asTable(at(place.jsonc('angular.json'), 'projects'));
  const fallback = asText(at(place.jsonc('angular.json'), 'defaultProject'));
  const projects = Object.keys(workspace);
  const name = fallback ?? projects.find((key) => at(workspace, key, 'projectType') !== 'library') ?? projects[0];
  const build = name === undefined ? undefined : at(workspace, name, 'architect', 'build');
  const builder = asText(at(build, 'builder')) ?? '';
  const said = at(build, 'options', 'outputPath');
  const base = asText(said) ?? asText(at(said, 'base')) ?? `dist/${name ?? posixName(place)}`;
  const nested = /:application$/.test(builder) ? `/${asText(at(said, 'browser')) ?? 'browser'}` : '';
  const where: Served['at'] = place.has('angular.json')
    ? ['angular.json', said === undefined ? /"build"\s*:/ : /"outputPath"/]
    : null;
  if (/:application$/.test(builder) && at(build, 'options', 'ssr')) {
    return {
      ...nodeOutput(
        `${base}/server/server.mjs`,
        [base, '.angular'],
        4000,
        'the build writes a Node server, which honours PORT',
      ),
      at: where,
    };
  }
  return files(`${base}${at(said, 'browser') === '' ? '' : nested}`, true, [base, '.angular'], where);
};
const posixName = (place: Place): string =>
  place.path === '.' ? 'app' : place.path.slice(place.path.lastIndexOf('/') + 1);
const serveEleventy: Framework['serve'] = (place) => {
  const config = place.names.find((file) => /^(?:\.eleventy|eleventy\.config)\.[cm]?js$/.test(file)) ?? null;
  const out =
    reads(place, config, /\boutput\s*:\s*['"]([^'"]+)['"]/)?.[1] ??
    reads(place, config, /setOutputDirectory\(\s*['"]([^'"]+)['"]/)?.[1];
  return files(
    out?.replace(/^\.\//, '') ?? '_site',
    false,
    [],
    out === undefined || config === null ? null : [config, /output/i],
  );
};
const serveVue: Framework['serve'] = (place) => {
  const config = findConfig(place, 'vue');
  const out = reads(place, config, /\boutputDir\s*:\s*['"]([^'"]+)['"]/)?.[1];
  return files(out ?? 'dist', true, [], out === undefined ? null : [config!, /outputDir/]);
};

export const frameworks: readonly Framework[] = [
  { name: 'next', deps: ['next'], build: 'next build', serve: serveNext },
  { name: 'nuxt', deps: ['nuxt', 'nuxt3', 'nuxt-edge'], build: 'nuxt build', serve: serveNuxt },
  {
    name: 'tanstack-start',
    deps: ['@tanstack/react-start', '@tanstack/solid-start', '@tanstack/start'],
    build: 'vite build',
    serve: serveTanstack,
  },
  {
    name: 'react-router',
    deps: ['@react-router/dev'],
    build: 'react-router build',
    serve: serveRouter('react-router-serve', /^react-router-serve\b/),
  },
  {
    name: 'remix',
    deps: ['@remix-run/dev'],
    build: 'remix vite:build',
    serve: serveRouter('remix-serve', /^remix-serve\b/),
  },
  { name: 'sveltekit', deps: ['@sveltejs/kit'], build: 'vite build', serve: serveSvelteKit },
  {
    name: 'solid-start',
    deps: ['@solidjs/start'],
    build: 'vinxi build',
    serve: () =>
      nodeOutput(
        '.output/server/index.mjs',
        ['.output', '.vinxi'],
        3000,
        'the build writes a Node server into .output, which honours PORT',
      ),
  },
  { name: 'astro', deps: ['astro'], build: 'astro build', serve: serveAstro },
  { name: 'gatsby', deps: ['gatsby'], build: 'gatsby build', serve: () => files('public', false, ['.cache']) },
  {
    name: 'docusaurus',
    deps: ['@docusaurus/core'],
    build: 'docusaurus build',
    serve: () => files('build', false, ['.docusaurus']),
  },
  {
    name: 'vitepress',
    deps: ['vitepress'],
    when: (place) => place.folders.includes('docs') || place.folders.includes('.vitepress'),
    build: 'vitepress build docs',
    serve: () => files('docs/.vitepress/dist', false, []),
  },
  {
    name: 'angular',
    deps: ['@angular/core'],
    when: (place) => place.has('angular.json'),
    build: 'ng build',
    serve: serveAngular,
  },
  {
    name: 'create-react-app',
    deps: ['react-scripts'],
    build: 'react-scripts build',
    serve: () => files('build', true, []),
  },
  { name: 'vue-cli', deps: ['@vue/cli-service'], build: 'vue-cli-service build', serve: serveVue },
  { name: 'eleventy', deps: ['@11ty/eleventy'], build: 'eleventy', serve: serveEleventy },
  { name: 'hexo', deps: ['hexo'], build: 'hexo generate', serve: () => files('public', false, ['db.json']) },
  {
    name: 'nest',
    deps: ['@nestjs/core'],
    build: 'nest build',
    serve: (place) => {
      const root = place.has('nest-cli.json') ? 'nest-cli.json' : null;
      return {
        ...nodeOutput('dist/main', ['dist'], 3000, 'Nest builds into dist and starts there'),
        at: root === null ? null : [root, /sourceRoot/],
        paths: [],
      };
    },
  },
  {
    name: 'adonis',
    deps: ['@adonisjs/core'],
    when: (place) => place.has('ace.js') || place.has('ace'),
    build: 'node ace build',
    serve: () => ({
      ...nodeOutput('build/bin/server.js', ['build'], 3333, 'node ace build writes the server into build'),
      paths: [],
    }),
  },
  {
    name: 'strapi',
    deps: ['@strapi/strapi'],
    build: 'strapi build',
    serve: () =>
      served({
        program: 'strapi start',
        matches: /^strapi start\b/,
        port: 1337,
        writes: ['.tmp', 'dist', 'build', '.strapi'],
        claim: 'strapi start honours PORT',
      }),
  },
  {
    name: 'vite',
    deps: ['vite'],
    when: (place) => place.has('index.html') || /\broot\s*:/.test(place.read(findConfig(place, 'vite') ?? '') ?? ''),
    build: 'vite build',
    serve: serveVite,
  },
  {
    name: 'parcel',
    deps: ['parcel', 'parcel-bundler'],
    when: (place) => place.has('index.html') || place.has('src/index.html'),
    build: 'parcel build',
    serve: () => files('dist', true, ['.parcel-cache']),
  },
];

/** Libraries that listen by themselves; the program's own entry starts them. */
export const servers: readonly (readonly [dep: string, name: string])[] = [
  ['express', 'express'],
  ['fastify', 'fastify'],
  ['koa', 'koa'],
  ['@hapi/hapi', 'hapi'],
  ['hapi', 'hapi'],
  ['hono', 'hono'],
  ['elysia', 'elysia'],
  ['restify', 'restify'],
  ['polka', 'polka'],
  ['sails', 'sails'],
  ['@feathersjs/feathers', 'feathers'],
  ['@apollo/server', 'apollo'],
  ['apollo-server', 'apollo'],
  ['graphql-yoga', 'graphql-yoga'],
  ['h3', 'h3'],
  ['probot', 'probot'],
  ['moleculer-web', 'moleculer'],
  ['micro', 'micro'],
  ['socket.io', 'socket.io'],
  ['ws', 'ws'],
  ['json-server', 'json-server'],
];
