import { expect, test } from 'vitest';
import { detectJava } from '../../../agents/detection/languages/java.js';
import { fixture, found, look, scratch } from './read-service.js';

test.each([
  [
    'java-maven-spring',
    'java',
    'spring-boot',
    ['mvn --batch-mode -DskipTests package'],
    'java -jar target/orders-1.2.0-SNAPSHOT.jar --server.address=127.0.0.1 --server.port=$PORT',
    { number: 8085, from: 'src/main/resources/application.properties:2' },
  ],
  [
    'kotlin-gradle',
    'kotlin',
    'ktor',
    ['gradle --no-daemon installDist'],
    'build/install/hello-ktor/bin/hello-ktor',
    { number: 8087, from: 'src/main/kotlin/com/example/App.kt:10' },
  ],
  ['java-plain', 'java', null, ['javac -d out Main.java'], 'java -cp out Main', { number: 8086, from: 'Main.java:7' }],
])('%s is built and served', async (name, language, framework, build, start, port) => {
  const service = await found(detectJava, fixture(name));
  expect(service).toMatchObject({ kind: 'web-service', language, framework });
  expect(service.commands).toEqual({ install: [], build, start });
  expect(service.ports).toEqual([port]);
});

test('the wrapper is used where there is one, and the version of Java is the one compiled for', async () => {
  const pom =
    '<project>\n<artifactId>a</artifactId>\n<version>1</version>\n<properties>\n<maven.compiler.release>21</maven.compiler.release>\n</properties>\n</project>\n';
  const service = await found(detectJava, scratch({ 'pom.xml': pom, mvnw: '#!/bin/sh\n' }));
  expect(service).toMatchObject({
    kind: 'library',
    name: 'a',
    versions: { java: { want: '>=21', from: 'pom.xml:5' } },
    proof: { command: 'sh ./mvnw --batch-mode test' },
  });
});

test('a parent of modules is no service of its own, and its modules are', async () => {
  const root = scratch({
    'pom.xml':
      '<project><artifactId>all</artifactId><packaging>pom</packaging><modules><module>web</module></modules></project>\n',
    'web/pom.xml':
      '<project><parent><artifactId>all</artifactId><version>7</version></parent><artifactId>web</artifactId>\n<dependency>io.javalin:javalin</dependency>\n</project>\n',
    'web/src/main/java/a/Web.java':
      'package a;\nclass Web { public static void main(String[] a) { Javalin.create().start(7070); } }\n',
  });
  expect(await look(detectJava, root)).toBeNull();
  const service = await found(detectJava, root, 'web');
  expect(service).toMatchObject({ path: 'web', framework: 'javalin', ports: [{ number: 7070 }] });
  expect(service.commands.start).toBe('java -cp target/classes a.Web');
});

test('a dependency named in a comment of a Gradle script is none', async () => {
  const files = {
    'build.gradle': "plugins { id 'java' }\n// implementation 'io.javalin:javalin:6'\n",
    'src/main/java/A.java': 'class A {}\n',
  };
  expect(await found(detectJava, scratch(files))).toMatchObject({ kind: 'library', framework: null });
});
