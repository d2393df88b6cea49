// The slider in the address: a model, and how many of its certificates are automatic, or that it is the promised stop.

if (slider) {
  const PROMISED = "promised";
  const opening = slider.models[0].certified ?? 0;
  const counts = (model) => slider.rows[model].find(Boolean).accepted;

  const writtenStop = () => {
    const { model, stop } = slider;
    if (model === 0 && stop === opening) return "";
    const { name, certified } = slider.models[model];
    return `${name}:${stop === certified ? PROMISED : counts(model)[stop]}`;
  };

  /** The stop that a text names; null where the model has none such. */
  const namedStop = (text, model) => {
    const { certified } = slider.models[model];
    if (text === PROMISED) return certified;
    if (!/^\d+$/.test(text)) return null;
    const accepted = counts(model);
    const found = lastAtMost(accepted, Number(text));
    if (accepted[found] !== Number(text)) return null;
    return found === certified && accepted[found - 1] === accepted[found] ? found - 1 : found;
  };

  const restoreStop = (text) => {
    if (text === "") return goToStop(0);
    const end = text.lastIndexOf(":");
    const model = slider.models.findIndex(({ name }) => name === text.slice(0, end));
    const stop = model < 0 ? null : namedStop(text.slice(end + 1), model);
    if (stop !== null) goToStop(model, stop);
  };

  keep("threshold", writtenStop, restoreStop);
}
