import { describe, expect, it } from 'vitest'
import { StagedWrites } from '../../src/partition/staged-writes.ts'
import { VirtualTime } from '../support/virtual-time.ts'

describe('StagedWrites', () => {
  it('writes each partition once, in the order in which they were staged', () => {
    const staged = new StagedWrites(new VirtualTime())
    const written: string[] = []
    staged.add({ writeStaged: () => written.push('a') })
    staged.add({ writeStaged: () => written.push('b') })
    staged.writeAll()
    staged.writeAll()
    expect(written).toEqual(['a', 'b'])
  })

  it('keeps what an answer stages for the next round', () => {
    const staged = new StagedWrites(new VirtualTime())
    const written: string[] = []
    staged.add({
      writeStaged() {
        written.push('first')
        staged.add({ writeStaged: () => written.push('second') })
      },
    })
    staged.writeAll()
    expect(written).toEqual(['first'])
    staged.writeAll()
    expect(written).toEqual(['first', 'second'])
  })

  it('writes appends that no connection brought at the end of the turn, once for all of them', () => {
    const time = new VirtualTime()
    const staged = new StagedWrites(time)
    let writes = 0
    staged.add({ writeStaged: () => writes++ })
    staged.writeSoon()
    staged.writeSoon()
    expect(writes).toBe(0)
    time.endTurn()
    expect(writes).toBe(1)

    staged.add({ writeStaged: () => writes++ })
    staged.writeSoon()
    time.endTurn()
    expect(writes).toBe(2)
  })
})
