/** The detectors, in the order in which equal readings of a place win. */
import type { Detector } from '../place.js';
import { detectC } from './c.js';
import { detectDeno } from './deno.js';
import { detectDotnet } from './dotnet.js';
import { detectGo } from './go.js';
import { detectJava } from './java.js';
import { detectNode } from './node.js';
import { detectPhp } from './php.js';
import { detectPython } from './python.js';
import { detectRuby } from './ruby.js';
import { detectRust } from './rust.js';
import { detectShell } from './shell.js';
import { detectStatic } from './static.js';

export const detectors: readonly Detector[] = [
  detectDeno,
  detectNode,
  detectPython,
  detectPhp,
  detectRuby,
  detectGo,
  detectRust,
  detectJava,
  detectDotnet,
  detectC,
  detectStatic,
  detectShell,
];
