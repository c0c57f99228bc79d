/** Who may import whom: layers.json is the law; imports, manifests and compiler references all obey it. */
import { describe, expect, it } from 'vitest'
import { codeOf, importsOf, layers, packages, sourcesOf } from './sources.ts'

const folderOf = new Map(packages.map(({ name, folder }) => [name, folder]))

/** `@millrace/base/node` → base */
function packageOf(specifier: string): string | undefined {
  const name = specifier.startsWith('@')
    ? specifier.split('/').slice(0, 2).join('/')
    : specifier.split('/')[0]!
  return folderOf.get(name)
}

/** What the published command line has bundled in it, and so needs only for development. */
const bundledIn = new Set(['cli'])

function workspaceDependencies(dependencies: Record<string, string> | undefined): string[] {
  return Object.keys(dependencies ?? {}).flatMap((name) => folderOf.get(name) ?? [])
}

describe('layers.json', () => {
  it('names every package and no other', () => {
    expect(Object.keys(layers.imports).sort()).toEqual(packages.map(({ folder }) => folder).sort())
  })

  it('has no cycle, so that there is an order in which to read the packages', () => {
    const done = new Set<string>()
    const visit = (folder: string, path: readonly string[]): void => {
      expect(path, `cycle: ${[...path, folder].join(' → ')}`).not.toContain(folder)
      if (done.has(folder)) return
      for (const next of layers.imports[folder] ?? []) visit(next, [...path, folder])
      done.add(folder)
    }
    for (const { folder } of packages) visit(folder, [])
  })

  it('keeps controller and broker apart', () => {
    expect(layers.imports['controller']).not.toContain('broker')
    expect(layers.imports['broker']).not.toContain('controller')
  })
})

describe.each(packages)('package $folder', ({ folder, manifest, references }) => {
  const allowed = layers.imports[folder] ?? []

  it('imports only what layers.json allows', () => {
    for (const source of sourcesOf(folder)) {
      for (const specifier of importsOf(source)) {
        const target = packageOf(specifier)
        if (target !== undefined) expect(allowed, `${source.path} imports ${specifier}`).toContain(target)
        expect(specifier, `${source.path} reaches into another package`).not.toMatch(
          /^\.\.\/\.\.\/\.\.|\/src\//,
        )
      }
    }
  })

  it('declares exactly those workspace dependencies that it imports, to pnpm and to the compiler', () => {
    const imported = new Set(
      sourcesOf(folder)
        .flatMap(importsOf)
        .flatMap((specifier) => packageOf(specifier) ?? []),
    )
    const declared = bundledIn.has(folder) ? manifest.devDependencies : manifest.dependencies
    expect(workspaceDependencies(declared).sort(), 'package.json').toEqual([...imported].sort())
    expect([...references].sort(), 'tsconfig.json').toEqual([...imported].sort())
  })
})

describe('the published command line', () => {
  const external = (specifier: string): boolean =>
    packageOf(specifier) === undefined && !/^(\.|node:)/.test(specifier)

  it('depends on what the packages that are bundled into it depend on, and on nothing else', () => {
    const parts = new Set(bundledIn)
    for (const part of parts) for (const next of layers.imports[part] ?? []) parts.add(next)
    const bundled = packages.filter(({ folder }) => parts.has(folder) && !bundledIn.has(folder))
    const command = packages.find(({ folder }) => folder === 'cli')!
    const third = (kind: 'dependencies' | 'optionalDependencies'): string[] =>
      bundled.flatMap(({ manifest }) => Object.keys(manifest[kind] ?? {})).filter(external)
    const own = sourcesOf('cli').flatMap(importsOf).filter(external)
    expect(Object.keys(command.manifest.dependencies!).sort()).toEqual(
      [...new Set([...third('dependencies'), ...own])].sort(),
    )
    expect(Object.keys(command.manifest.optionalDependencies!).sort()).toEqual(
      [...new Set(third('optionalDependencies'))].sort(),
    )
  })
})

describe.each(layers.pure)('pure package %s', (folder) => {
  const banned =
    /\b(async|await|Promise|Date|performance|setTimeout|setInterval|setImmediate|queueMicrotask|process|Buffer|crypto|WeakRef|FinalizationRegistry)\b|Math\.random/

  it('has no clock, randomness, timer, promise or process', () => {
    for (const source of sourcesOf(folder)) {
      const lines = codeOf(source).split('\n')
      lines.forEach((line, index) => {
        expect(banned.exec(line)?.[0], `${source.path}:${index + 1}`).toBeUndefined()
      })
    }
  })

  it('imports neither Node nor a third party', () => {
    for (const source of sourcesOf(folder)) {
      for (const specifier of importsOf(source)) {
        const own =
          specifier.startsWith('./') || specifier.startsWith('../') || packageOf(specifier) !== undefined
        expect(own, `${source.path} imports ${specifier}`).toBe(true)
      }
    }
  })
})

describe('the outside world', () => {
  /** Packages that may name Node's own clock, timers and I/O: the one real Env, and the processes around it. */
  const outside = new Set(['server', 'cli'])
  const modules = /^node:(fs|net|tls|dns|http|https|child_process|timers|worker_threads|os)(\/|$)/
  const globals =
    /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|setImmediate|process\.nextTick|performance\.now)\b/
  /** Threads are the broker's own business: it starts them, and nobody else may. */
  const exceptions = new Map([['node:worker_threads', /^packages\/broker\/src\//]])

  it.each(packages.filter(({ folder }) => !outside.has(folder)))(
    'is reached by $folder only through Env',
    ({ folder }) => {
      for (const source of sourcesOf(folder)) {
        if (source.path.startsWith('packages/base/src/node/')) continue
        for (const specifier of importsOf(source)) {
          if (exceptions.get(specifier)?.test(source.path) === true) continue
          expect(modules.test(specifier), `${source.path} imports ${specifier}`).toBe(false)
        }
        codeOf(source)
          .split('\n')
          .forEach((line, index) =>
            expect(globals.exec(line)?.[0], `${source.path}:${index + 1}`).toBeUndefined(),
          )
      }
    },
  )
})
