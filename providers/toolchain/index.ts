export { FetchFailure } from './fetch.js';
export { type FindTool, type FoundTool, findTool, type ToolName } from './find.js';
export { canGetPackages, getPackages } from './packages.js';
