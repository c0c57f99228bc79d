/**
 * Bundles compiled packages, for publishing and for the Docker image: a node would otherwise find, read and link four
 * hundred small modules in its main thread and three hundred in each shard's, which is most of what its start costs.
 *
 *   node scripts/bundle.ts FOLDER     FOLDER holds copies of the packages, each with its dist
 *
 * The command line becomes one program with all our code in it, in chunks that load when they are needed; third-party
 * packages stay dependencies. What applications import becomes one module for each entry, without other packages' code:
 * their classes must be the same wherever they are imported from. Types stay as they are.
 *
 * Modules that other threads start with (`*.job.js`, `*.worker.js`) are entries in the bundle's top folder, where all
 * chunks are: see `moduleBeside` of base.
 */
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { type InputOptions, type Plugin, rolldown } from 'rolldown'

/** What nodes and their clients run. The others are for tests, and start once. */
const libraries = [
  ...['base', 'protocol', 'record', 'net', 'client', 'producer-client', 'consumer-client', 'storage', 'raft'],
  ...['metadata', 'metadata-log', 'replication', 'controller', 'broker', 'server'],
]

interface Manifest {
  readonly name: string
  readonly publishConfig: {
    readonly exports: Readonly<Record<string, string | { readonly default: string }>>
  }
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
}

/** Compiled entries of a package by the specifier that imports them: `@millrace/base/node` → …/dist/node/index.js. */
function exportsOf(folder: string): Map<string, string> {
  const { name, publishConfig } = manifestOf(folder)
  const files = Object.entries(publishConfig.exports).flatMap(([path, entry]) =>
    typeof entry === 'string' ? [] : [[name + path.slice(1), join(folder, entry.default)] as const],
  )
  return new Map(files)
}

/** By the path that they have in the bundle, without its ending. */
function threadEntriesOf(folder: string): Record<string, string> {
  const files = globSync('dist/**/*.{job,worker}.js', { cwd: folder })
  return Object.fromEntries(files.map((file) => [basename(file, '.js'), join(folder, file)]))
}

/** Replaces the modules in a package's dist. */
async function bundle(folder: string, options: InputOptions): Promise<void> {
  const build = await rolldown({ platform: 'node', ...options })
  const { output } = await build.generate({
    format: 'esm',
    chunkFileNames: '[name]-[hash].js',
    comments: { legal: true, annotation: true, jsdoc: false },
  })
  await build.close()
  const dist = join(folder, 'dist')
  for (const file of globSync('**/*.{js,js.map}', { cwd: dist })) rmSync(join(dist, file))
  for (const chunk of output)
    if (chunk.type === 'chunk') writeFileSync(join(dist, chunk.fileName), inLatin1(chunk.code))
}

/** One character beyond, and V8 keeps the whole module's text at two bytes for each. */
function inLatin1(code: string): string {
  return code.replaceAll(/[^\0-\xff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

async function bundleLibrary(folder: string): Promise<void> {
  const prefix = join(folder, 'dist/')
  const entries = [...exportsOf(folder).values()].map((file) => [
    file.slice(prefix.length, -'.js'.length),
    file,
  ])
  await bundle(folder, {
    input: { ...Object.fromEntries(entries), ...threadEntriesOf(folder) },
    external: (id) => !id.startsWith('.') && !id.startsWith('/'),
  })
}

async function bundleProgram(folder: string, libraryFolders: readonly string[]): Promise<void> {
  const ours = new Map(libraryFolders.flatMap((library) => [...exportsOf(library)]))
  const ourPackages: Plugin = { name: 'our-packages', resolveId: (id) => ours.get(id) ?? null }
  await bundle(folder, {
    input: {
      main: join(folder, 'dist/main.js'),
      ...Object.assign({}, ...libraryFolders.map((library) => threadEntriesOf(library))),
    },
    plugins: [ourPackages],
    external: (id) => !id.startsWith('.') && !id.startsWith('/') && !ours.has(id),
  })
}

const packages = process.argv[2]
if (packages === undefined) throw new Error('usage: node scripts/bundle.ts FOLDER')
const libraryFolders = libraries.map((name) => resolve(packages, name))
// First: it is made from single modules, of which it takes only those that it needs.
await bundleProgram(resolve(packages, 'cli'), libraryFolders)
for (const folder of libraryFolders) await bundleLibrary(folder)
