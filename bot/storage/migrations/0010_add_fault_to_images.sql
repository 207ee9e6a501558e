-- Why the gate could not judge an image, as a code of its own; until now the reason alone told. A picture to start from
-- that could not be judged is an error of its own now, too.

ALTER TABLE images ADD COLUMN fault TEXT
    CHECK (fault IN ('detector_broke', 'detector_hung', 'not_finite', 'one_colour'));
UPDATE images SET fault = CASE
    WHEN reason LIKE 'pixels:%not finite' THEN 'not_finite'
    WHEN reason LIKE 'pixels:%one colour' THEN 'one_colour'
    WHEN reason LIKE '%: DetectorSilent:%' THEN 'detector_hung'
    ELSE 'detector_broke'
END WHERE verdict = 'error';

UPDATE jobs SET
    error_code = 'input_not_judged',
    error_json = '{"fault":"detector_broke","reason":"it was not noted"}'
WHERE error_code = 'input_withheld' AND error_json = '{"blocked":false}';
UPDATE jobs SET error_json = '{}' WHERE error_code = 'input_withheld';
