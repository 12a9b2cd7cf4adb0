import { expect, test } from 'vitest';
import { detectDotnet } from '../../../agents/detection/languages/dotnet.js';
import { fixture, found, look, scratch } from './read-service.js';

test('a web project is built, and told its address on the command line', async () => {
  const service = await found(detectDotnet, fixture('dotnet-web'));
  expect(service).toMatchObject({
    name: 'Hello',
    kind: 'web-service',
    framework: 'aspnetcore',
    versions: { dotnet: { want: '>=8.0', from: 'Hello.csproj:3' } },
    ports: [{ number: 5088, from: 'Properties/launchSettings.json:3' }],
  });
  expect(service.commands.start).toBe(
    'dotnet run --no-build --no-launch-profile --configuration Release --project Hello.csproj --urls http://127.0.0.1:$PORT',
  );
  expect(service.proof.paths.map(({ from }) => from)).toEqual(['Program.cs:4', 'Program.cs:3']);
});

const project = (sdk: string, inside: string) => ({ 'A.csproj': `<Project Sdk="${sdk}">\n${inside}\n</Project>\n` });
test.each([
  ['worker', project('Microsoft.NET.Sdk.Worker', ''), null],
  ['job', project('Microsoft.NET.Sdk', '<OutputType>Exe</OutputType>'), null],
  [
    'cli',
    project('Microsoft.NET.Sdk', '<OutputType>Exe</OutputType>\n<PackAsTool>true</PackAsTool>'),
    'dotnet run --no-build --no-launch-profile --configuration Release --project A.csproj -- --help',
  ],
  [
    'library',
    project('Microsoft.NET.Sdk', '<!-- <OutputType>Exe</OutputType> -->'),
    'dotnet build --configuration Release A.csproj',
  ],
])('the project file says that it is a %s', async (kind, files, command) => {
  expect(await found(detectDotnet, scratch(files))).toMatchObject({ kind, proof: { command } });
});

test('a folder without a project is not .NET', async () => {
  expect(await look(detectDotnet, fixture('go-http'))).toBeNull();
});
