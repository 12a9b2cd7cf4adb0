/** The detectors, in the order in which equal readings of a place win. */
import type { Detector } from '../place.js';
import { detectC } from './c.js';
import { detectClojure } from './clojure.js';
import { detectCobol } from './cobol.js';
import { detectCrystal } from './crystal.js';
import { detectDart } from './dart.js';
import { detectDeno } from './deno.js';
import { detectDotnet } from './dotnet.js';
import { detectElixir } from './elixir.js';
import { detectGleam } from './gleam.js';
import { detectGo } from './go.js';
import { detectHaskell } from './haskell.js';
import { detectJava } from './java.js';
import { detectNode } from './node.js';
import { detectPhp } from './php.js';
import { detectPython } from './python.js';
import { detectRuby } from './ruby.js';
import { detectRust } from './rust.js';
import { detectScala } from './scala.js';
import { detectShell } from './shell.js';
import { detectStatic } from './static.js';
import { detectSwift } from './swift.js';
import { detectZig } from './zig.js';

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
  detectElixir,
  detectGleam,
  detectSwift,
  detectZig,
  detectCrystal,
  detectDart,
  detectHaskell,
  detectScala,
  detectClojure,
  detectC,
  detectCobol,
  detectStatic,
  detectShell,
];
