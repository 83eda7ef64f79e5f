import type { ReviewItem, ReviewVerdict } from '@primum/contract';
import { Button, Radio, Stack, Textarea } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { verdictWords } from './review-words.ts';

const verdicts = Object.keys(verdictWords) as ReviewVerdict[]; // the keys of a record of verdicts

/** A verdict needs a sentence, which is sealed under the patient's key. */
export function VerdictForm({ item }: { item: ReviewItem }) {
  const client = useQueryClient();
  const [verdict, setVerdict] = useState<ReviewVerdict | null>(null);
  const [note, setNote] = useState('');
  const decide = useMutation({
    mutationFn: (chosen: ReviewVerdict) => callApi('decideReview', { params: { id: item.id }, body: { verdict: chosen, note: note.trim(), version: item.version } }),
    onSettled: () => Promise.all([client.invalidateQueries({ queryKey: ['reviews'] }), client.invalidateQueries({ queryKey: ['review', item.id] })]),
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (verdict !== null) decide.mutate(verdict);
      }}
    >
      <Stack gap="xs" mt="sm">
        <Radio.Group label="Decision" value={verdict} onChange={(value) => setVerdict(verdicts.find((each) => each === value) ?? null)}>
          <Stack gap={6} mt={4}>{verdicts.map((each) => <Radio key={each} size="xs" value={each} {...verdictWords[each]} />)}</Stack>
        </Radio.Group>
        <Textarea label="Note" description="What was asked and found, in a sentence" required minLength={3} maxLength={2_000} rows={3} value={note} onChange={(event) => setNote(event.currentTarget.value)} />
        {decide.isError && <FailureNote error={decide.error} />}
        <div><Button type="submit" loading={decide.isPending} disabled={verdict === null || note.trim().length < 3}>Record the decision</Button></div>
      </Stack>
    </form>
  );
}
