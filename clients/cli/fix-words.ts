/** How a repair is told to people: one line, the cause and what is done about it; secrets are never shown. */
import type { Fix } from '../../actors/run/contract.js';
import { type Action, GENERATE } from '../../agents/fixer/contract.js';

const SECRET = /SECRET|TOKEN|PASS(WORD|WD|PHRASE)?|KEYS?$|KEY_|SALT|PEPPER|CREDENTIAL|PRIVATE|_(DSN|URI)$|DATABASE_URL/;
const LINE = 300;

export const fixWords = ({ cause, actions }: Pick<Fix, 'cause' | 'actions'>): string => {
  const line = `${cause} → ${actions.map((action) => actionWords(action as Action)).join(', ')}`.replace(/\s+/g, ' ');
  return line.length > LINE ? `${line.slice(0, LINE - 1)}…` : line;
};

export function actionWords(action: Action): string {
  switch (action.do) {
    case 'set-env':
      if (action.value === GENERATE) return `${action.name} is generated`;
      return `${action.name}=${SECRET.test(action.name) && action.value !== '' ? '***' : action.value}`;
    case 'set-command':
      return action.commands.length === 0 ? `no ${action.role}` : `${action.role} with ${action.commands.join(' && ')}`;
    case 'add-install':
      return `install with ${action.command}`;
    case 'choose-version':
      return `take ${action.tool} ${action.want}`;
    case 'relax-version':
      return `take the nearest ${action.tool}`;
    case 'use-copy':
      return 'work on a copy';
    case 'move-port':
      return `take another port than ${action.port}`;
    case 'write-overlay-file':
      return `write ${action.path} into a copy`;
    case 'run-command':
      return `run ${action.command}`;
    case 'migrate':
      return `migrate with ${action.command}`;
    case 'start-service':
      return `start ${action.service}`;
    case 'create-database':
      return `create the database ${action.database}`;
    case 'map-host':
      return `${action.host} is ${action.address}`;
    case 'install-system-package':
      return `unpack ${action.packages.join(' ')} for it`;
    case 'own-network':
      return `start it in a network of its own, where ${action.port} is free`;
    case 'serve-at':
      return `start it in a network of its own, where ${action.service} answers at ${action.port}`;
    case 'do-again':
      return { services: 'bring it up', deps: 'install', build: 'build', start: 'start' }[action.step].concat(' again');
  }
}
