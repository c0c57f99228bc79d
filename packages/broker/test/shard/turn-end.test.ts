import type { Timers } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { withTurnEnd } from '../../src/shard/turn-end.ts'

/** Turns that end when told, one by one, as those of an event loop. */
class Turns implements Timers {
  #due: (() => void)[] = []

  after(): never {
    throw new Error('nothing here waits')
  }

  cancel(): never {
    throw new Error('nothing here waits')
  }

  endOfTurn(callback: () => void): void {
    this.#due.push(callback)
  }

  get pending(): number {
    return this.#due.length
  }

  end(): void {
    const due = this.#due
    this.#due = []
    for (const callback of due) callback()
  }
}

describe("the end of a shard's turn", () => {
  it('runs what is due in the order in which it was asked for, not before', () => {
    const turns = new Turns()
    const timers = withTurnEnd(turns)
    const ran: string[] = []
    timers.endOfTurn(() => ran.push('a'))
    timers.endOfTurn(() => ran.push('b'))
    expect(ran).toEqual([])
    expect(turns.pending).toBe(1)
    turns.end()
    expect(ran).toEqual(['a', 'b'])
  })

  it('has what it makes due itself in the same turn, behind what was due', () => {
    const turns = new Turns()
    const timers = withTurnEnd(turns)
    const ran: string[] = []
    timers.endOfTurn(() => {
      ran.push('answer')
      timers.endOfTurn(() => ran.push('write'))
      ran.push('answered')
    })
    timers.endOfTurn(() => ran.push('other'))
    turns.end()
    expect(ran).toEqual(['answer', 'answered', 'other', 'write'])
    expect(turns.pending).toBe(0)
  })

  it('comes again in later turns', () => {
    const turns = new Turns()
    const timers = withTurnEnd(turns)
    let runs = 0
    for (let turn = 0; turn < 3; turn++) {
      timers.endOfTurn(() => runs++)
      turns.end()
    }
    expect(runs).toBe(3)
  })

  it('runs what is behind a callback that threw', () => {
    const turns = new Turns()
    const timers = withTurnEnd(turns)
    const ran: string[] = []
    timers.endOfTurn(() => {
      throw new Error('a defect')
    })
    timers.endOfTurn(() => ran.push('behind'))
    expect(() => turns.end()).toThrow('a defect')
    turns.end()
    expect(ran).toEqual(['behind'])
  })
})
