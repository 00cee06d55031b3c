"""Fine-tune a small language model on a text file; a start to grow from, not a recipe."""

import argparse

from datasets import load_dataset
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DataCollatorForLanguageModeling,
    Trainer,
    TrainingArguments,
)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("text", help="a text file, one example on each line")
    words.add_argument("--model", default="distilgpt2", help="name or directory of the model to start from")
    words.add_argument("--output", default="model", help="where the result goes")
    words.add_argument("--steps", type=int, default=100)
    chosen = words.parse_args()

    tokenizer = AutoTokenizer.from_pretrained(chosen.model)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    lines = load_dataset("text", data_files=chosen.text, split="train").filter(lambda row: row["text"].strip())
    tokens = lines.map(lambda rows: tokenizer(rows["text"], truncation=True), batched=True, remove_columns=["text"])
    trainer = Trainer(
        model=AutoModelForCausalLM.from_pretrained(chosen.model),
        args=TrainingArguments(output_dir=chosen.output, max_steps=chosen.steps, report_to="none"),
        train_dataset=tokens,
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
    )
    trainer.train()
    trainer.save_model()


if __name__ == "__main__":
    main()
