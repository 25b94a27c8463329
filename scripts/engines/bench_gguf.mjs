// Times prefill and decode of a GGUF file with npm's node-llama-cpp (a prebuilt llama.cpp) and prints
// one JSON line a test, with the keys of llama-bench -o jsonl.
//
//   npm install --prefix FOLDER node-llama-cpp        (Node 20 or later; not part of this project)
//   node scripts/engines/bench_gguf.mjs FOLDER FILE.gguf -t 4 -p 128,512 -n 32 -d 0,1024 -r 3
//
// -t threads, -p prompt lengths, -n tokens to generate, -d positions already in the cache, -r
// repeats. Tokens are arbitrary: random weights and real ones cost the same. A short prompt is run
// untimed first. Exit 1 when the file does not load.
import path from "node:path";
import {pathToFileURL} from "node:url";

const [folder, file, ...flags] = process.argv.slice(2);
if (!folder || !file || flags.length % 2 !== 0) {
  console.error("usage: bench_gguf.mjs FOLDER FILE.gguf [-t N] [-p LIST] [-n LIST] [-d LIST] [-r N]");
  process.exit(2);
}
const options = {"-t": "1", "-p": "128", "-n": "16", "-d": "0", "-r": "3"};
for (let i = 0; i < flags.length; i += 2) {
  if (!(flags[i] in options)) {
    console.error(`bench_gguf.mjs: unknown flag ${flags[i]}`);
    process.exit(2);
  }
  options[flags[i]] = flags[i + 1];
}
const list = (name) => options[name].split(",").map(Number).filter((n) => Number.isInteger(n) && n >= 0);
const threads = Number(options["-t"]), repeats = Number(options["-r"]);
const prompts = list("-p").filter((n) => n > 0), made = list("-n").filter((n) => n > 0);
const depths = list("-d");

const entry = path.join(folder, "node_modules", "node-llama-cpp", "dist", "index.js");
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(path.resolve(entry)).href);
const llama = await getLlama({
  gpu: false, build: "never", logLevel: LlamaLogLevel.error, skipDownload: true, maxThreads: 0,
  logger: (level, message) => console.error(`${level}: ${message.trim()}`)
});
const model = await llama.loadModel({modelPath: file, gpuLayers: 0, useMmap: true});
const longest = Math.max(...depths) + Math.max(0, ...prompts, ...made) + 8;
const context = await model.createContext({contextSize: longest, batchSize: 512, threads: {ideal: threads, min: threads}});
const sequence = context.getSequence();
const token = (i) => 10 + (i * 7919) % 200;  // ids that every vocabulary has
const tokens = (count, from = 0) => Array.from({length: count}, (_, i) => token(from + i));
const seconds = () => Number(process.hrtime.bigint()) * 1e-9;

// Leaves exactly `depth` positions in the cache; those that are there already stay.
async function start(depth) {
  const filled = sequence.nextTokenIndex;
  if (filled > depth) await sequence.eraseContextTokenRanges([{start: depth, end: filled}]);
  if (filled < depth) await sequence.evaluateWithoutGeneratingNewTokens(tokens(depth - filled, filled));
}

async function prefill(count, depth) {
  await start(depth);
  const begin = seconds();
  await sequence.evaluateWithoutGeneratingNewTokens(tokens(count, depth));
  return count / (seconds() - begin);
}

// Token by token, as an engine decodes: one call a token, its logits computed.
async function decode(count, depth) {
  await start(depth);
  const begin = seconds();
  for (let i = 0; i < count; ++i) {
    await sequence.controlledEvaluate([[token(depth + i), {generateNext: {probabilities: false, confidence: false, token: true, options: {temperature: 0}}}]]);
  }
  return count / (seconds() - begin);
}

async function test(n_prompt, n_gen, n_depth) {
  const once = () => n_gen > 0 ? decode(n_gen, n_depth) : prefill(n_prompt, n_depth);
  const samples_ts = [];
  for (let i = 0; i < repeats; ++i) samples_ts.push(await once());
  const avg_ts = samples_ts.reduce((a, b) => a + b, 0) / samples_ts.length;
  console.log(JSON.stringify({model_filename: file, n_threads: context.currentThreads, n_prompt, n_gen, n_depth, avg_ts, samples_ts}));
}

await prefill(16, 0);
await decode(2, 0);
for (const depth of depths) {
  for (const count of prompts) await test(count, 0, depth);
  for (const count of made) await test(0, count, depth);
}
await context.dispose();
await model.dispose();
await llama.dispose();
process.exit(0);
