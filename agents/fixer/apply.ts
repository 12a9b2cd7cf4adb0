/** Lays actions over an overlay. Pure: the overlay before stays as it was, so undoing a fix is going back to it. */
import type { Action, Overlay } from './contract.js';

export const apply = (overlay: Overlay, actions: readonly Action[]): Overlay => actions.reduce(applyOne, overlay);

function applyOne(overlay: Overlay, action: Action): Overlay {
  switch (action.do) {
    case 'set-env':
      return { ...overlay, env: { ...overlay.env, [action.name]: action.value } };
    case 'set-command':
      return action.role === 'start'
        ? { ...overlay, start: action.commands.join(' && ') }
        : { ...overlay, [action.role]: [...action.commands] };
    case 'add-install':
      return overlay.extraInstall.includes(action.command)
        ? overlay
        : { ...overlay, extraInstall: [...overlay.extraInstall, action.command] };
    case 'choose-version':
      return { ...overlay, versions: { ...overlay.versions, [action.tool]: action.want } };
    case 'relax-version':
      return overlay.relaxed.includes(action.tool)
        ? overlay
        : { ...overlay, relaxed: [...overlay.relaxed, action.tool] };
    case 'move-port':
      return { ...overlay, notPorts: [...new Set([...overlay.notPorts, action.port])] };
    case 'use-copy':
      return { ...overlay, copy: true };
    case 'write-overlay-file': {
      const others = overlay.files.filter(({ path }) => path !== action.path);
      // A file of ours may only ever be written into a copy, never where the repository's owner works.
      return { ...overlay, copy: true, files: [...others, { path: action.path, text: action.text }] };
    }
    case 'run-command':
    case 'migrate':
      return overlay.prepare.includes(action.command)
        ? overlay
        : { ...overlay, prepare: [...overlay.prepare, action.command] };
    case 'start-service':
      return overlay.services.some(({ service }) => service === action.service)
        ? overlay
        : {
            ...overlay,
            services: [
              ...overlay.services,
              { service: action.service, host: action.host, port: action.port, database: null },
            ],
          };
    case 'create-database': {
      const others = overlay.services.filter(({ service }) => service !== action.service);
      const same = overlay.services.find(({ service }) => service === action.service) ?? { host: null, port: null };
      return {
        ...overlay,
        services: [...others, { ...same, service: action.service, database: action.database }],
      };
    }
    case 'map-host':
      return { ...overlay, hosts: { ...overlay.hosts, [action.host]: action.address } };
    case 'install-system-package':
      return { ...overlay, packages: [...new Set([...overlay.packages, ...action.packages])] };
    case 'own-network':
      return { ...overlay, ownNetwork: action.port };
    case 'serve-at': {
      const others = overlay.served.filter(({ port }) => port !== action.port);
      return { ...overlay, served: [...others, { service: action.service, port: action.port }] };
    }
    case 'do-again':
      return overlay;
  }
}
