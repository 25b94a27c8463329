// Loads GGUF files with npm's node-llama-cpp, decodes a few tokens and prints, one JSON line each,
// what llama.cpp says of the model: parameters, bytes, and the tokens it made.
//
//   npm install --prefix FOLDER node-llama-cpp        (Node 20 or later; not part of this project)
//   node scripts/engines/load_gguf.mjs FOLDER FILE.gguf...
//
// Exit 1 when a file does not load or does not decode.
import path from "node:path";
import {pathToFileURL} from "node:url";

const [folder, ...files] = process.argv.slice(2);
if (!folder || files.length === 0) {
  console.error("usage: load_gguf.mjs FOLDER_OF_NODE_MODULES FILE.gguf...");
  process.exit(2);
}
const entry = path.join(folder, "node_modules", "node-llama-cpp", "dist", "index.js");
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(path.resolve(entry)).href);

let failed = false;
const llama = await getLlama({
  gpu: false, build: "never", logLevel: LlamaLogLevel.error, skipDownload: true,
  logger: (level, message) => console.error(`${level}: ${message.trim()}`)
});
for (const file of files) {
  const report = {file};
  try {
    const model = await llama.loadModel({modelPath: file, gpuLayers: 0, useMmap: true});
    const context = await model.createContext({contextSize: 64, threads: 2});
    const sequence = context.getSequence();
    const tokens = [];
    for await (const token of sequence.evaluate(model.tokenize("Hello, world"), {temperature: 0, yieldEogToken: true})) {
      tokens.push(token);
      if (tokens.length === 4) break;
    }
    report.decoded = tokens.length;
    report.parameters = Number(model._model.getTotalParameters());
    report.bytes = Number(model._model.getTotalSize());
    report.vocabulary = model._model.getVocabularySize?.();
    report.description = model.typeDescription;
    await context.dispose();
    await model.dispose();
    if (report.decoded !== 4) throw new Error(`decoded ${report.decoded} tokens of 4`);
  } catch (error) {
    report.error = String(error.message ?? error);
    failed = true;
  }
  console.log(JSON.stringify(report));
}
await llama.dispose();
process.exit(failed ? 1 : 0);
