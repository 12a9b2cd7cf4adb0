/** Faults for rules that no other fault needs: a repository that is wrong in that one way. */
import type { Editor, Fault } from './fault.js';

const NODE = 'Hello from plain Node';
/** In an application of one file that needs no package. */
const node = (kind: string, rules: readonly string[], inject: Fault['inject'], more: Partial<Fault> = {}): Fault => ({
  kind,
  repo: 'node-plain',
  says: NODE,
  rules,
  inject,
  ...more,
});
const scripts = (repo: Editor, next: Record<string, string>): void =>
  repo.json('package.json', (one) => ({ ...one, scripts: next }));
/** The page shows what a program prints. */
const shows = (repo: Editor, program: string): void =>
  repo.edit('server.js', (before) =>
    before
      .replace(NODE, `\${require('node:child_process').execFileSync('${program}').toString()}`)
      .replaceAll(/'(<!doctype.*)'/g, '`$1`'),
  );

export const ruleFaults: readonly Fault[] = [
  // What only the system has.
  node(
    'header of the system not there',
    ['header-to-install'],
    (repo) => {
      repo.write(
        'native.c',
        '#include <ldap.h>\n#include <stdio.h>\nint main(void) { puts(ldap_err2string(0)); return 0; }\n',
      );
      scripts(repo, { build: 'mkdir -p dist && cc -o dist/native native.c -lldap', start: 'node server.js' });
      shows(repo, './dist/native');
    },
    { says: 'Success', slow: true },
  ),
  node(
    'program of the system not there',
    ['program-to-install'],
    (repo) => {
      repo.write(
        'page.xsl',
        '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:output method="text"/><xsl:template match="/">made by a style sheet</xsl:template></xsl:stylesheet>\n',
      );
      scripts(repo, { build: 'mkdir -p dist && xsltproc page.xsl page.xsl > dist/page.txt', start: 'node server.js' });
      repo.edit('server.js', (before) =>
        before.replace(
          `'<!doctype html><title>Plain</title><h1>${NODE}</h1>'`,
          "require('node:fs').readFileSync('dist/page.txt')",
        ),
      );
    },
    { says: 'made by a style sheet', slow: true },
  ),
];
