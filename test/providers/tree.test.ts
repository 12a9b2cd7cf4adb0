import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openTree } from '../../providers/tree.js';

function scratch(files: Record<string, string> = {}): string {
  const root = mkdtempSync(join(tmpdir(), 'rr-tree-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

test('lists files sorted, without .git and what tools put there', async () => {
  const root = scratch({
    'b.txt': '',
    'a/z.txt': '',
    '.git/HEAD': '',
    'node_modules/x/index.js': '',
    '.github/workflows/ci.yml': '',
    'lib/__pycache__/x.pyc': '',
  });
  expect((await openTree(root)).files).toEqual(['.github/workflows/ci.yml', 'a/z.txt', 'b.txt']);
});

test('vendor counts as filled only beside the manifest of a tool that fills it, and is noted', async () => {
  const filled = await openTree(scratch({ 'composer.json': '{}', 'vendor/autoload.php': '' }));
  expect(filled.files).toEqual(['composer.json']);
  expect(filled.notes.join()).toContain('vendor beside composer.json');
  expect((await openTree(scratch({ 'index.html': '', 'vendor/jquery.js': '' }))).files).toContain('vendor/jquery.js');
});

test('dist is a source where git keeps it and output where git ignores it', async () => {
  expect((await openTree(scratch({ 'dist/index.html': '' }))).files).toEqual(['dist/index.html']);
  const ignored = await openTree(
    scratch({ '.gitignore': 'node_modules\n/dist/\n', 'web/dist/a.js': '', 'dist/index.html': '' }),
  );
  expect(ignored.files).toEqual(['.gitignore']);
  expect(ignored.notes.join()).toContain('output folders that git ignores');
});

test('a virtual environment is left out by what is in it, whatever git says', async () => {
  const tree = await openTree(scratch({ 'app.py': '', 'env/pyvenv.cfg': '', 'env/lib/x.py': '' }));
  expect(tree.files).toEqual(['app.py']);
});

test('a link out of the repository counts as absent, one inside is read, one in a loop ends', async () => {
  const outside = scratch({ secret: 'key' });
  const root = scratch({ 'real.txt': 'here', 'deep/x.txt': '' });
  symlinkSync(join(outside, 'secret'), join(root, 'out.txt'));
  symlinkSync(outside, join(root, 'outdir'));
  symlinkSync('real.txt', join(root, 'in.txt'));
  symlinkSync('..', join(root, 'deep/up'));
  symlinkSync('self', join(root, 'self'));
  const tree = await openTree(root);
  expect(tree.files).toEqual(['deep/x.txt', 'in.txt', 'real.txt']);
  expect(tree.read('in.txt')).toBe('here');
  expect(tree.read('out.txt')).toBeNull();
  expect(tree.read('outdir/secret')).toBeNull();
  expect(tree.read('../secret')).toBeNull();
  expect(tree.notes.join('\n')).toMatch(
    /links that leave the repository: out\.txt, outdir|links that leave the repository: outdir, out\.txt/,
  );
  expect(tree.notes.join('\n')).toContain('links that lead nowhere: self');
});

test('a link that is turned outwards after the listing is not read', async () => {
  const outside = scratch({ secret: 'key' });
  const root = scratch({ 'real.txt': 'here' });
  symlinkSync('real.txt', join(root, 'link'));
  const tree = await openTree(root);
  rmSync(join(root, 'link'));
  symlinkSync(join(outside, 'secret'), join(root, 'link'));
  expect(tree.read('link')).toBeNull();
});

test('a file that became a link after the listing is not followed', async () => {
  const outside = scratch({ secret: 'key' });
  const root = scratch({ 'real.txt': 'here' });
  const tree = await openTree(root);
  rmSync(join(root, 'real.txt'));
  symlinkSync(join(outside, 'secret'), join(root, 'real.txt'));
  expect(tree.read('real.txt')).toBeNull();
});

test('names with spaces and newlines are files like others; names that are not UTF-8 are left out and said', async () => {
  const root = scratch({ 'with space/a b.txt': 'x', 'new\nline.txt': 'y' });
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x66, 0xff, 0x2e, 0x6a, 0x73])]), 'z');
  const tree = await openTree(root);
  expect(tree.files).toEqual(['new\nline.txt', 'with space/a b.txt']);
  expect(tree.read('new\nline.txt')).toBe('y');
  expect(tree.notes.join()).toContain('names that are not UTF-8');
});

test('a pipe is neither listed nor waited for', async () => {
  const root = scratch({ 'a.txt': '' });
  execFileSync('mkfifo', [join(root, 'pipe.js')]);
  const tree = await openTree(root);
  expect(tree.files).toEqual(['a.txt']);
  expect(tree.notes.join()).toContain('pipes, sockets and devices: pipe.js');
});

test('what is too large or binary is not text; a BOM and UTF-16 are understood', async () => {
  const root = scratch({ 'big.json': '', 'small.txt': 'text' });
  truncateSync(join(root, 'big.json'), 1 << 30);
  writeFileSync(join(root, 'image.png'), Buffer.from([0x89, 0x50, 0, 1]));
  writeFileSync(join(root, 'bom.json'), Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d]));
  writeFileSync(join(root, 'requirements.txt'), Buffer.from('\ufeffflask\n', 'utf16le'));
  const tree = await openTree(root);
  expect(tree.files).toContain('big.json');
  const began = performance.now();
  expect(tree.read('big.json')).toBeNull();
  expect(performance.now() - began).toBeLessThan(500);
  expect(tree.read('image.png')).toBeNull();
  expect(tree.read('bom.json')).toBe('{}');
  expect(tree.read('requirements.txt')).toBe('flask\n');
  expect(tree.read('small.txt', 3)).toBeNull();
  expect(tree.read('small.txt')).toBe('text');
});

test('the walk stops at its bounds, shallow files first, and says so', async () => {
  const root = scratch({ 'a/b/c/deep.txt': '', 'a/one.txt': '', 'two.txt': '', 'three.txt': '' });
  const few = await openTree(root, { files: 2 });
  expect(few.files).toEqual(['three.txt', 'two.txt']);
  expect(few.notes.join()).toContain('files beyond the first 2');
  const flat = await openTree(root, { depth: 1 });
  expect(flat.files).toEqual(['a/one.txt', 'three.txt', 'two.txt']);
  expect(flat.notes.join()).toContain('folders deeper than 1 levels: a/b');
});

test('a folder that cannot be read is said, not thrown', async () => {
  const root = scratch({ 'a.txt': '', 'closed/b.txt': '' });
  chmodSync(join(root, 'closed'), 0);
  onTestFinished(() => chmodSync(join(root, 'closed'), 0o755));
  const tree = await openTree(root);
  // Root reads everything; for everybody else it is a note.
  if (process.getuid?.() === 0) expect(tree.files).toContain('closed/b.txt');
  else expect(tree.notes.join()).toContain('folders that cannot be read: closed (EACCES)');
});

test('a path that is no repository is refused with its cause', async () => {
  const root = scratch({ 'file.txt': '' });
  await expect(openTree(join(root, 'nowhere'))).rejects.toMatchObject({ code: 'PATH_MISSING' });
  await expect(openTree(join(root, 'file.txt'))).rejects.toMatchObject({ code: 'PATH_NOT_DIRECTORY' });
  await expect(openTree(join(root, 'file.txt/x'))).rejects.toMatchObject({ code: 'PATH_NOT_DIRECTORY' });
  symlinkSync('loop', join(root, 'loop'));
  await expect(openTree(join(root, 'loop'))).rejects.toMatchObject({ code: 'PATH_UNREADABLE' });
  await expect(openTree(scratch())).rejects.toMatchObject({ code: 'REPOSITORY_EMPTY' });
});
