/** Java and Kotlin: Maven, Gradle (Groovy and Kotlin scripts), or plain source files. */

import type { Detector } from '../place.js';
import { describeGradle } from './java/gradle.js';
import { describeMaven } from './java/maven.js';
import { describePlain } from './java/plain.js';

export const detectJava: Detector = (place) => {
  if (place.has('pom.xml')) return describeMaven(place);
  if (place.has('build.gradle') || place.has('build.gradle.kts')) return describeGradle(place);
  return place.names.some((name) => name.endsWith('.java')) || place.has('src/Main.java') ? describePlain(place) : null;
};
