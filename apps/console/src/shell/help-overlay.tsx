import { Kbd, Modal, Switch } from '@mantine/core';
import { useState } from 'react';
import { keysAreOn, switchKeys } from '../ui/key-switch.ts';

const keys = [
  ['j  k', 'next, previous patient in the list'],
  ['Enter', 'open the patient'],
  ['A', 'acknowledge the alert of the patient in focus (asks, naming the patient)'],
  ['S', 'snooze that alert, 4 h at most (asks, naming the patient)'],
  ['B', 'order by bed, or by urgency again'],
  ['/', 'find by name, bed or MRN'],
  ['R', 'bring the list into its present order'],
  ['?', 'this help'],
] as const;

export function HelpOverlay({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const [on, setOn] = useState(keysAreOn);
  return (
    <Modal opened={opened} onClose={onClose} title="Keys" size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
      <table className="data-table">
        <tbody>
          {keys.map(([key, does]) => (
            <tr key={key}>
              <th scope="row" style={{ whiteSpace: 'nowrap' }}>{key.split('  ').map((one) => <Kbd key={one} mr={4}>{one}</Kbd>)}</th>
              <td>{does}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <Switch
        mt="md"
        label="Single keys act"
        description="Switch off where speech input or an assistive device sends them by accident."
        checked={on}
        onChange={(event) => {
          switchKeys(event.currentTarget.checked);
          setOn(event.currentTarget.checked);
        }}
      />
      <p className="quiet">
        Shapes: filled triangle, an alert that nobody has acknowledged; hollow triangle, one with an owner; dashed ring, score withheld.
        A dashed outline with a clock marks a value past its age.
        Italics among the drivers: care process or something not measured, not the patient’s physiology.
      </p>
    </Modal>
  );
}
