/**
 * Makes one module of each package's compiled files, for publishing and for the Docker image: an application that imports
 * the producer would otherwise load some hundred and fifty small modules, a broker twice three hundred, and loading costs
 * more per module than per line.
 *
 *   node scripts/bundle.ts FOLDER     FOLDER holds copies of the packages, each with its dist
 *
 * Types stay as they are. Packages that hand modules to other threads by their URL (jobs, workers) are left alone.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { rolldown } from 'rolldown'

const bundled = [
  ...['base', 'protocol', 'net', 'client', 'producer-client', 'consumer-client'],
  ...['metadata', 'metadata-log', 'raft', 'replication', 'controller', 'server'],
]

interface Manifest {
  readonly publishConfig: { readonly exports: Readonly<Record<string, { readonly default: string }>> }
}

/** Entry modules by the path that they keep, without its ending: `node/index` → dist/node/index.js. */
function entriesOf(folder: string): Record<string, string> {
  const { publishConfig } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
  const files = Object.values(publishConfig.exports).map((entry) => entry.default)
  return Object.fromEntries(files.map((file) => [file.replace(/^\.\/dist\/|\.js$/g, ''), join(folder, file)]))
}

async function bundle(folder: string): Promise<void> {
  const build = await rolldown({
    input: entriesOf(folder),
    platform: 'node',
    external: (id) => !id.startsWith('.') && !id.startsWith('/'),
  })
  const { output } = await build.generate({ format: 'esm', chunkFileNames: 'shared-[hash].js' })
  await build.close()
  const dist = join(folder, 'dist')
  for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (file.endsWith('.js') || file.endsWith('.js.map')) rmSync(join(dist, file))
  }
  for (const chunk of output)
    if (chunk.type === 'chunk') writeFileSync(join(dist, chunk.fileName), chunk.code)
}

const packages = process.argv[2]
if (packages === undefined) throw new Error('usage: node scripts/bundle.ts FOLDER')
for (const name of bundled) await bundle(resolve(packages, name))
