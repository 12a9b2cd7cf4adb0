/** .NET: the project file says by its SDK and output what it is. */
import type { Service } from '../contract.js';
import { type Detector, makeService, type Place } from '../place.js';
import { asList, asTable, asText } from '../values.js';
import { blank, citeAt, evidenceAt, findAll, findFirst, JAVA, openSource, word, XML } from './source.js';

export const detectDotnet: Detector = (place) => {
  const projects = place.names.filter((name) => /\.(cs|fs|vb)proj$/.test(name));
  const project = projects.find((name) => !/test/i.test(name)) ?? projects[0];
  if (project === undefined) return null;
  const text = blank(place.read(project, 300_000) ?? '', XML);
  const name = project.replace(/\.\w+$/, '');
  const sdk = /<Project\s[^>]{0,500}Sdk="([^"]+)"/.exec(text)?.[1] ?? null;
  const framework = /<TargetFrameworks?>\s*([^<;]+)/.exec(text)?.[1]?.trim() ?? null;
  const number = /^net(?:coreapp)?(\d+)\.(\d+)/.exec(framework ?? '');
  const evidence = [place.evidence(`the project ${name}${sdk === null ? '' : ` of ${sdk}`}`, project, /<Project\b/)];
  const at = word(project);
  const shared = {
    name,
    language: 'dotnet',
    packageManager: 'nuget',
    versions:
      number === null
        ? {}
        : { dotnet: { want: `>=${number[1]}.${number[2]}`, from: place.from(project, /<TargetFrameworks?>/) } },
    writes: ['bin', 'obj'],
  };
  const install = [`dotnet restore ${at}${place.has('packages.lock.json') ? ' --locked-mode' : ''}`];
  const build = [`dotnet build --no-restore --configuration Release ${at}`];
  const run = `dotnet run --no-build --no-launch-profile --configuration Release --project ${at}`;
  const isTest = /Microsoft\.NET\.Test\.Sdk|<IsTestProject>\s*true/i.test(text);
  const isWeb = sdk === 'Microsoft.NET.Sdk.Web' || /Microsoft\.AspNetCore\.App/.test(text);
  const executable = /<OutputType>\s*(Win)?Exe\s*</i.test(text);

  if (isWeb && !isTest) {
    const sources = place
      .files()
      .filter((file) => file.endsWith('.cs') && !/(^|\/)(bin|obj)\//.test(file))
      .slice(0, 200);
    const read = sources.flatMap((file) => openSource(place, file, JAVA) ?? []);
    const builder = findFirst(read, /\bWebApplication\.Create\w*\s*\(|\bCreateHostBuilder\s*\(|\bWebHost\b/g);
    if (builder !== null) evidence.push(evidenceAt(place, 'builds a web application', builder));
    const paths = read.flatMap((source) =>
      findAll(source, /\.Map(?:Get|HealthChecks)\s*\(\s*|\[HttpGet\s*\(\s*/g).flatMap((found) => {
        const path = /^"(\/[\w./-]*)"/.exec(found.rest)?.[1];
        return path === undefined ? [] : [{ path, from: citeAt(place, found) }];
      }),
    );
    const isHealth = ({ path }: { path: string }): number => Number(/health|ping/.test(path));
    return makeService(place, {
      ...shared,
      kind: 'web-service',
      framework: 'aspnetcore',
      commands: { install, build, start: `${run} --urls http://127.0.0.1:$PORT` },
      ports: readPorts(place),
      proof: { how: 'http', command: null, paths: paths.sort((a, b) => isHealth(b) - isHealth(a)).slice(0, 5) },
      confidence: 0.9,
      evidence,
    });
  }
  if (sdk === 'Microsoft.NET.Sdk.Worker')
    return makeService(place, {
      ...shared,
      kind: 'worker',
      commands: { install, build, start: run },
      proof: { how: 'log', command: null, paths: [] },
      confidence: 0.85,
      evidence,
    });
  if (executable && !isTest) {
    evidence.push(place.evidence('makes an executable', project, /<OutputType>/));
    const isTool = /<PackAsTool>\s*true|System\.CommandLine|Spectre\.Console\.Cli|CommandLineParser/i.test(text);
    if (isTool)
      evidence.push(
        place.evidence('is a command-line tool', project, /PackAsTool|System\.CommandLine|Spectre|CommandLineParser/),
      );
    return makeService(place, {
      ...shared,
      kind: isTool ? 'cli' : 'job',
      commands: { install, build, start: run },
      proof: { how: 'exit', command: isTool ? `${run} -- --help` : null, paths: [] },
      confidence: 0.7,
      evidence,
    });
  }
  if (isTest) evidence.push(place.evidence('a project of tests', project, /Microsoft\.NET\.Test\.Sdk|IsTestProject/));
  return makeService(place, {
    ...shared,
    kind: 'library',
    commands: { install, build, start: null },
    proof: {
      how: 'exit',
      command: isTest ? `dotnet test ${at}` : `dotnet build --configuration Release ${at}`,
      paths: [],
    },
    confidence: isTest ? 0.5 : 0.75,
    evidence,
  });
};

/** The ports of the launch profiles; the command line overrides them. */
function readPorts(place: Place): Service['ports'] {
  const file = 'Properties/launchSettings.json';
  if (!place.has(file)) return [];
  const profiles = Object.values(asTable(place.jsonc(file)?.profiles));
  const urls = profiles.flatMap((profile) => (asText(asTable(profile).applicationUrl) ?? '').split(';'));
  const numbers = new Set(asList(urls).map((url) => Number(/^http:\/\/[^/]*:(\d+)/.exec(String(url))?.[1])));
  return [...numbers]
    .filter((number) => Number.isInteger(number) && number >= 1 && number <= 65535)
    .map((number) => ({ number, from: place.from(file, `:${number}`) }));
}
