/**
 * Which of the services found is the one to run. The score is a sum that can be read aloud:
 * kind (a server before a page before a worker before what ends) × confidence, and small steps for where it lies.
 */
import type { Service } from './contract.js';

const KIND: Record<Service['kind'], number> = {
  'web-service': 100,
  'static-site': 80,
  notebook: 55,
  worker: 50,
  compose: 45,
  job: 40,
  cli: 35,
  library: 30,
  unknown: 15,
};
/** Frameworks that answer with pages: with a front end and its interface side by side, people want to see the page. */
const PAGES =
  /^(?:next|nuxt|remix|react-router|sveltekit|tanstack-start|solid-start|astro|rails|django|laravel|symfony|streamlit|gradio)$/;

export interface Ranked {
  service: Service;
  score: number;
  because: string;
}

export function scoreService(service: Service): Ranked {
  const parts: [number, string][] = [
    [
      Math.round(KIND[service.kind] * service.confidence),
      `${service.kind} at confidence ${service.confidence.toFixed(2)}`,
    ],
  ];
  const folders = service.path === '.' ? [] : service.path.split('/');
  const last = folders.at(-1) ?? '';
  if (service.path === '.') parts.push([10, 'at the root']);
  else if (folders.length > 1) parts.push([-2 * (folders.length - 1), 'deeper']);
  if (service.framework !== null && PAGES.test(service.framework)) parts.push([6, 'answers with pages']);
  if (/^(?:web|app|frontend|client|site|www|main)$/i.test(last)) parts.push([4, `called ${last}`]);
  else if (/^(?:server|backend|api|service)$/i.test(last)) parts.push([3, `called ${last}`]);
  if (folders.some((part) => /^(?:examples?|samples?|demos?|tests?|e2e|fixtures?|templates?)$/i.test(part)))
    parts.push([-40, 'an example or a test']);
  if (folders.some((part) => /^(?:docs?|website|storybook|playground|sandbox)$/i.test(part)))
    parts.push([-25, 'documentation or a playground']);
  if (folders.some((part) => /^(?:admin|mobile|desktop|extension|landing|marketing|emails?)$/i.test(part)))
    parts.push([-6, 'a side of the system']);
  if (service.commands.start === null && service.kind !== 'library') parts.push([-30, 'nothing starts it']);
  return {
    service,
    score: parts.reduce((sum, [points]) => sum + points, 0),
    because: parts.map(([points, why]) => `${why} ${points < 0 ? '−' : '+'}${Math.abs(points)}`).join(', '),
  };
}

/** Best first; equal scores by path, so that the same repository always gives the same answer. */
export const rankServices = (services: readonly Service[]): Ranked[] =>
  services
    .map(scoreService)
    .sort(
      (a, b) => b.score - a.score || (a.service.path < b.service.path ? -1 : a.service.path > b.service.path ? 1 : 0),
    );
