/** Lines of a stream as bytes, without their line end (`\n` or `\r\n`), in groups as they arrive. */

const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d

/** @throws RangeError for a line above `lineBytesMax`, so that input without newlines does not fill the memory */
export async function* lines(stream: AsyncIterable<Buffer>, lineBytesMax: number): AsyncGenerator<Buffer[]> {
  let rest: Buffer[] = []
  let restBytes = 0
  for await (const chunk of stream) {
    const group: Buffer[] = []
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const tail = chunk.subarray(start, end)
      group.push(withoutReturn(rest.length === 0 ? tail : Buffer.concat([...rest, tail])))
      rest = []
      restBytes = 0
      start = end + 1
    }
    if (start < chunk.length) {
      rest.push(chunk.subarray(start))
      restBytes += chunk.length - start
      if (restBytes > lineBytesMax) throw new RangeError(`a line is longer than ${lineBytesMax} bytes`)
    }
    if (group.length > 0) yield group
  }
  if (restBytes > 0) yield [withoutReturn(Buffer.concat(rest))]
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line
}
