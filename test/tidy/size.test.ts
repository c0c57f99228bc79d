/** Ratchets: a file is one noun, a function fits a screen. The exceptions are named, and the list only shrinks. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { filesBelow, packages, root, sourcesOf, type Source } from './sources.ts'

const FILE_LINES_MAX = 600
const FUNCTION_LINES_MAX = 80

/** Files or functions that are longer for a reason, as `path` or `path:function`. */
const allowed = new Map<string, string>([])

interface FunctionSpan {
  readonly name: string
  readonly line: number
  readonly lines: number
}

/**
 * Functions and methods by indentation: the formatter guarantees that a block closes with a brace at the column
 * where its first line starts.
 */
function functionsOf(source: Source): FunctionSpan[] {
  const start =
    /^(\s*)(?:export )?(?:default )?(?:async )?(?:static |private |protected |override |get |set |async )*(?:function\s*\*?\s*(\w+)|\*?(#?\w+))\s*(?:<[^>]*>)?\(/
  const spans: FunctionSpan[] = []
  source.lines.forEach((line, index) => {
    const match = start.exec(line)
    if (
      match === null ||
      /^\s*(if|for|while|switch|return|catch|await|super|else|new|throw|typeof)\b/.test(line)
    )
      return
    const header = headerEnd(source.lines, index, match[1]!)
    if (header === undefined) return
    const end = source.lines.findIndex((candidate, at) => at > header && candidate.startsWith(`${match[1]}}`))
    if (end > 0) spans.push({ name: match[2] ?? match[3]!, line: index + 1, lines: end - index + 1 })
  })
  return spans
}

/** Index of the line whose brace opens the body; undefined for a mere signature or a call. */
function headerEnd(lines: readonly string[], index: number, indent: string): number | undefined {
  if (/\{\s*$/.test(lines[index]!)) return index
  if (!/\(\s*$/.test(lines[index]!)) return undefined
  const close = lines.findIndex((line, at) => at > index && line.startsWith(`${indent})`))
  return close > 0 && /\{\s*$/.test(lines[close]!) ? close : undefined
}

describe('sizes', () => {
  it.each(packages)(`keeps files of $folder below ${FILE_LINES_MAX} lines`, ({ folder }) => {
    for (const { path, lines } of sourcesOf(folder)) {
      if (!allowed.has(path))
        expect(lines.length, `${path}: past ${FILE_LINES_MAX} lines it is two things`).toBeLessThanOrEqual(
          FILE_LINES_MAX,
        )
    }
  })

  it.each(packages)(`keeps functions of $folder below ${FUNCTION_LINES_MAX} lines`, ({ folder }) => {
    for (const source of sourcesOf(folder)) {
      for (const { name, line, lines } of functionsOf(source)) {
        if (allowed.has(`${source.path}:${name}`)) continue
        expect(lines, `${source.path}:${line} ${name}`).toBeLessThanOrEqual(FUNCTION_LINES_MAX)
      }
    }
  })

  it('has no exception that is no longer needed', () => {
    for (const key of allowed.keys()) {
      const [path] = key.split(':') as [string]
      expect(filesBelow('packages', '.ts'), key).toContain(path)
    }
  })
})

describe('names', () => {
  it('are of things, not of drawers', () => {
    for (const path of filesBelow('packages', '.ts')) {
      expect(path, path).not.toMatch(/\/(utils?|common|helpers?|manager|service|impl|misc)(\.ts|\/|-)/)
    }
  })

  it('of files are kebab-case', () => {
    for (const path of filesBelow('packages', '.ts')) {
      expect(path.split('/').at(-1), path).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*(\.(test|worker|bench|job))?\.ts$/)
    }
  })
})

describe('leftovers', () => {
  const leftover = /\b(TODO|FIXME|XXX|HACK)\b|\.(only|skip|todo)\(/
  it('are not in the tree', () => {
    for (const path of [
      ...filesBelow('packages', '.ts'),
      ...filesBelow('scripts', ''),
      ...filesBelow('test', '.ts'),
    ]) {
      if (path.endsWith('tidy/size.test.ts')) continue
      const found = leftover.exec(readFileSync(join(root, path), 'utf8'))
      expect(found?.[0], path).toBeUndefined()
    }
  })
})
