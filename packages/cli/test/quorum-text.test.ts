import { expect, test, vi } from 'vitest'
import { quorumSummary, quorumTable } from '../src/quorum-text.ts'
import { directoryOf, quorum, replica } from './quorum-descriptions.ts'

test('the quorum is shown with its leader, and with what is not known as a question mark', () => {
  vi.stubEnv('NO_COLOR', '1')
  const description = quorum(
    [102, 101],
    [replica(2, { lag: null, logEndOffset: -1 as never, lastFetchAgeMs: null }), replica(1, { lag: 1200 })],
  )
  expect(quorumSummary(description)).toBe('leader 102, epoch 4, high watermark 1,234, 2 voters')
  expect(quorumTable(description).split('\n')).toEqual([
    'NODE  ROLE      END    LAG    FETCHED  DIRECTORY               ENDPOINT',
    ` 101  voter     100      0  12 ms ago  ${directoryOf(101)}  127.0.0.1:9101`,
    ` 102  leader    100      0             ${directoryOf(102)}  127.0.0.1:9102`,
    `   1  observer  100  1,200  12 ms ago  ${directoryOf(1)}`,
    `   2  observer    ?      ?      never  ${directoryOf(2)}`,
  ])
  vi.unstubAllEnvs()
})
