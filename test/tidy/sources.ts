/** What the tidy tests look at: the packages, their source files and their imports, read as text. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'

export const root = new URL('../..', import.meta.url).pathname.replace(/\/$/, '')

export interface Package {
  readonly folder: string
  readonly name: string
  readonly manifest: {
    readonly dependencies?: Record<string, string>
    readonly optionalDependencies?: Record<string, string>
    readonly devDependencies?: Record<string, string>
  }
  readonly references: readonly string[]
}

export interface Source {
  /** Path from the repository's root. */
  readonly path: string
  readonly text: string
  readonly lines: readonly string[]
}

export interface Layers {
  readonly pure: readonly string[]
  readonly imports: Readonly<Record<string, readonly string[]>>
}

export const layers = readJson('layers.json') as Layers

export const packages: readonly Package[] = readdirSync(join(root, 'packages'))
  .filter((folder) => statSync(join(root, 'packages', folder)).isDirectory())
  .map((folder) => {
    const manifest = readJson(`packages/${folder}/package.json`) as Package['manifest'] & { name: string }
    const tsconfig = readJson(`packages/${folder}/tsconfig.json`) as { references?: { path: string }[] }
    const references = (tsconfig.references ?? []).map(({ path }) => path.replace('../', ''))
    return { folder, name: manifest.name, manifest, references }
  })

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(root, path), 'utf8'))
}

/** The files below a folder whose names end as asked, without build output. */
export function filesBelow(folder: string, ...endings: string[]): string[] {
  const skipped = new Set(['node_modules', 'dist', '.cache', '.git', '.pack', 'vectors'])
  const found: string[] = []
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    if (skipped.has(entry.name)) continue
    const path = join(folder, entry.name)
    if (entry.isDirectory()) found.push(...filesBelow(path, ...endings))
    else if (endings.some((ending) => entry.name.endsWith(ending))) found.push(relative('.', path))
  }
  return found
}

export function sourcesOf(folder: string): Source[] {
  return filesBelow(`packages/${folder}/src`, '.ts').map((path) => {
    const text = readFileSync(join(root, path), 'utf8')
    return { path, text, lines: text.split('\n') }
  })
}

/** Module specifiers a source imports or re-exports, statically or dynamically. */
export function importsOf(source: Source): string[] {
  const specifier = /(?:\bfrom\s+|\bimport\s+|\bimport\(\s*)'([^']+)'/g
  return [...source.text.matchAll(specifier)].map((match) => match[1]!)
}

/** The text without comments and without the content of string literals, line structure kept. */
export function codeOf(source: Source): string {
  return source.text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/(^|[^:'"`])\/\/.*$/gm, '$1')
    .replace(/'(?:[^'\\\n]|\\.)*'/g, "''")
}
