import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createOnnxEngine } from './onnx-engine.ts';

/** x₁ ≤ 5 or missing → margin 0, else 2: written by packages/training/fixtures/make-engine-fixture.ts. */
const stump = new Uint8Array(readFileSync(new URL('../fixtures/stump.onnx', import.meta.url)));

describe('the embedded engine', () => {
  it('scores batches, single rows and views, with the same bits', async () => {
    await using engine = createOnnxEngine({ workers: 2 });
    expect(engine.runtime).toMatch(/^onnxruntime 1\.\d+\.\d+ cpu /);
    expect(await engine.load('stump', stump)).toEqual({ featureCount: 2 });
    expect(await engine.load('stump', stump)).toEqual({ featureCount: 2 });
    const rows = Float32Array.of(0, 5, 0, 5.5, NaN, NaN);
    const batch = await engine.run('stump', rows, 3);
    expect([...batch.margin]).toEqual([0, 2, 0]);
    expect(batch.probability[0]).toBe(0.5);
    expect(batch.probability[1]).toBeCloseTo(1 / (1 + Math.exp(-2)), 7);
    const single = await engine.run('stump', rows.subarray(2, 4), 1);
    expect(single.probability[0]).toBe(batch.probability[1]);
  });

  it('refuses bytes that are no model, rows of another width, and models that are not there', async () => {
    await using engine = createOnnxEngine();
    await expect(engine.load('noise', Uint8Array.of(1, 2, 3))).rejects.toMatchObject({ code: 'model.package-invalid' });
    const renamed = Uint8Array.from(Buffer.from(Buffer.from(stump).toString('latin1').replaceAll('features', 'measures'), 'latin1'));
    await expect(engine.load('renamed', renamed)).rejects.toMatchObject({ code: 'model.package-invalid' });
    await engine.load('stump', stump);
    await expect(engine.run('stump', new Float32Array(3), 1)).rejects.toMatchObject({ code: 'features.invalid' });
    await expect(engine.run('other', new Float32Array(2), 1)).rejects.toMatchObject({ code: 'model.not-loaded' });
    await engine.unload('stump');
    await expect(engine.run('stump', new Float32Array(2), 1)).rejects.toMatchObject({ code: 'model.not-loaded' });
  });
});
