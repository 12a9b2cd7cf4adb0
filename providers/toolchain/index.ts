export { type FindTool, type FoundTool, findTool, type Tool } from './find.js';
