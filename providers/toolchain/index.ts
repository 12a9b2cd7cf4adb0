export { type FindTool, type FoundTool, findTool, type ToolName } from './find.js';
