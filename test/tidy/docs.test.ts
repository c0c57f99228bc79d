/** Docs tell the truth: links lead somewhere, every package introduces itself, the top level is what it should be. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { filesBelow, packages, root } from './sources.ts'

function headings(markdown: string): Set<string> {
  const slugs = [...markdown.matchAll(/^#+\s+(.*)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-'),
  )
  return new Set(slugs)
}

describe('documents', () => {
  it.each(filesBelow('.', '.md'))('%s has no broken link', (path) => {
    const text = readFileSync(join(root, path), 'utf8').replace(/```[\s\S]*?```/g, '')
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue
      const [file, anchor] = target!.split('#') as [string, string | undefined]
      const absolute = file === '' ? join(root, path) : join(root, dirname(path), file)
      expect(existsSync(absolute), `${path} links to ${target}`).toBe(true)
      if (anchor !== undefined && absolute.endsWith('.md')) {
        expect(headings(readFileSync(absolute, 'utf8')), `${path} links to ${target}`).toContain(anchor)
      }
    }
  })

  it.each(packages)('package $folder has a README of a paragraph', ({ folder, name }) => {
    const text = readFileSync(join(root, 'packages', folder, 'README.md'), 'utf8')
    expect(text).toContain(`# ${name}`)
    expect(text.length).toBeGreaterThan(name.length + 60)
  })

  it('name every package in the file map of ARCHITECTURE.md', () => {
    const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
    for (const { folder } of packages) expect(text, folder).toContain(`\`${folder}\``)
  })

  it('name only files that are there in that file map', () => {
    const map = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8').split('## File map')[1]!
    for (const [, folder, rest] of map.matchAll(/^\| `([a-z-]+)` \| (.*) \|$/gm)) {
      for (const [, path] of rest!.matchAll(/`([\w/-]+(?:\.ts|\/))`/g)) {
        expect(existsSync(join(root, 'packages', folder!, 'src', path!)), `${folder}: ${path}`).toBe(true)
      }
    }
  })

  it('give the two commands at the top of the README', () => {
    const top = readFileSync(join(root, 'README.md'), 'utf8').split('\n').slice(0, 30).join('\n')
    expect(top).toContain('npx -y pnpm@12.21.0 demo')
    expect(top).toContain('npx -y pnpm@12.21.0 test')
  })
})

describe('top level', () => {
  it('has the folders and files that everybody expects, and no others', () => {
    const expected = [
      ...['packages', 'docker', 'scripts', 'test', 'docs', '.ci'],
      ...[
        'package.json',
        'pnpm-workspace.yaml',
        'pnpm-lock.yaml',
        'tsconfig.base.json',
        'tsconfig.json',
        'tsconfig.test.json',
      ],
      ...[
        'README.md',
        'ARCHITECTURE.md',
        'CHANGELOG.md',
        'LICENSE',
        'layers.json',
        'vitest.config.ts',
        'knip.json',
      ],
      ...['.gitignore', '.oxlintrc.json', '.oxfmtrc.json', '.dockerignore'],
    ]
    const ignored = new Set(['.git', 'node_modules', '.cache', '.pack', 'coverage'])
    const found = readdirSync(root).filter((name) => !ignored.has(name))
    for (const name of found) expect(expected, name).toContain(name)
  })
})
